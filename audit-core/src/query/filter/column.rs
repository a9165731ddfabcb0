//! The columns that hold text.

use crate::Row;
use crate::sanitise::{MAX_ERROR_BYTES, MAX_ID_BYTES, MAX_TYPE_BYTES, MAX_USER_AGENT_BYTES};

/// A column of text that a condition may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextColumn {
    RequestId,
    TargetId,
    ActorId,
    Action,
    TargetType,
    TenantId,
    TraceId,
    OnBehalfOf,
    UserAgent,
    Error,
    Origin,
}

impl TextColumn {
    pub(crate) const ALL: [Self; 11] = [
        Self::RequestId,
        Self::TargetId,
        Self::ActorId,
        Self::Action,
        Self::TargetType,
        Self::TenantId,
        Self::TraceId,
        Self::OnBehalfOf,
        Self::UserAgent,
        Self::Error,
        Self::Origin,
    ];

    /// Its name in the grammar.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::RequestId => "request",
            Self::TargetId => "target",
            Self::ActorId => "actor",
            Self::Action => "action",
            Self::TargetType => "target_type",
            Self::TenantId => "tenant",
            Self::TraceId => "trace",
            Self::OnBehalfOf => "on_behalf_of",
            Self::UserAgent => "user_agent",
            Self::Error => "error",
            Self::Origin => "origin",
        }
    }

    /// Its name in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestId => "request_id",
            Self::TargetId => "target_id",
            Self::ActorId => "actor_id",
            Self::Action => "action",
            Self::TargetType => "target_type",
            Self::TenantId => "tenant_id",
            Self::TraceId => "trace_id",
            Self::OnBehalfOf => "on_behalf_of",
            Self::UserAgent => "user_agent",
            Self::Error => "error",
            Self::Origin => "origin",
        }
    }

    /// Its value in a row.
    pub(crate) fn of(self, row: &Row) -> Option<&str> {
        match self {
            Self::RequestId => row.request_id.as_deref(),
            Self::TargetId => row.target_id.as_deref(),
            Self::ActorId => row.actor_id.as_deref(),
            Self::Action => Some(&row.action),
            Self::TargetType => Some(&row.target_type),
            Self::TenantId => row.tenant_id.as_deref(),
            Self::TraceId => row.trace_id.as_deref(),
            Self::OnBehalfOf => row.on_behalf_of.as_deref(),
            Self::UserAgent => row.user_agent.as_deref(),
            Self::Error => row.error.as_deref(),
            Self::Origin => row.origin.as_deref(),
        }
    }

    /// At how many bytes freezing cuts it.
    pub(crate) const fn max_bytes(self) -> usize {
        match self {
            Self::Action => usize::MAX,
            Self::TargetType => MAX_TYPE_BYTES,
            Self::UserAgent => MAX_USER_AGENT_BYTES,
            Self::Error => MAX_ERROR_BYTES,
            _ => MAX_ID_BYTES,
        }
    }
}
