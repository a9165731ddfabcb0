//! What of a row can be imported.

use std::fmt;
use std::str::FromStr;

/// A column of the log that an import may fill, by its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Field {
    /// A UUID, which the entry keeps; of any other text, an id is derived.
    Id,
    /// Who did it; `unattributed` unless given.
    ActorId,
    /// `user`, `system` or `api_key`; may be left out where `actor_id` is.
    ActorType,
    /// The dotted name of what was done.
    Action,
    /// The kind of thing it was done to; the catalog's, else the first word of the action, unless given.
    TargetType,
    /// The thing it was done to.
    TargetId,
    /// JSON.
    Metadata,
    /// An IP address.
    IpAddress,
    /// The client program's own words about itself.
    UserAgent,
    /// When it was done; without a zone, it is UTC.
    CreatedAt,
    /// How it ended; `success` unless given.
    Outcome,
    /// What was kept of the error.
    Error,
    /// How long the call took, in µs.
    DurationUs,
    /// The request it belongs to.
    RequestId,
    /// The trace it belongs to.
    TraceId,
    /// The span it belongs to.
    SpanId,
    /// The tenant on whose data the work was done.
    TenantId,
    /// The account that the actor impersonated.
    OnBehalfOf,
}

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be imported: name one of {known}", known = Field::ALL.map(Field::as_str).join(", "))]
pub struct UnknownField(String);

impl Field {
    /// Every field.
    pub const ALL: [Self; 18] = [
        Self::Id,
        Self::ActorId,
        Self::ActorType,
        Self::Action,
        Self::TargetType,
        Self::TargetId,
        Self::Metadata,
        Self::IpAddress,
        Self::UserAgent,
        Self::CreatedAt,
        Self::Outcome,
        Self::Error,
        Self::DurationUs,
        Self::RequestId,
        Self::TraceId,
        Self::SpanId,
        Self::TenantId,
        Self::OnBehalfOf,
    ];

    /// The name of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ActorId => "actor_id",
            Self::ActorType => "actor_type",
            Self::Action => "action",
            Self::TargetType => "target_type",
            Self::TargetId => "target_id",
            Self::Metadata => "metadata",
            Self::IpAddress => "ip_address",
            Self::UserAgent => "user_agent",
            Self::CreatedAt => "created_at",
            Self::Outcome => "outcome",
            Self::Error => "error",
            Self::DurationUs => "duration_us",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::TenantId => "tenant_id",
            Self::OnBehalfOf => "on_behalf_of",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|field| field.as_str() == text).ok_or_else(|| UnknownField(text.to_owned()))
    }
}
