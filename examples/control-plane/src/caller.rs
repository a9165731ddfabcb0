//! Who calls, and what they may do.

use std::fmt;
use std::str::FromStr;

use audit_core::Actor;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Look at projects.
    Read,
    /// Change projects and their keys.
    Write,
    /// Read and change secrets.
    Secrets,
    /// Invite and remove people, and read the audit log.
    Administer,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Works on projects.
    Editor,
    /// Does everything.
    Admin,
}

impl Role {
    const fn may(self, right: Right) -> bool {
        match self {
            Self::Viewer => matches!(right, Right::Read),
            Self::Editor => !matches!(right, Right::Administer),
            Self::Admin => true,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let roles = [Self::Viewer, Self::Editor, Self::Admin];
        roles.into_iter().find(|role| role.as_str() == text).ok_or(Error::Invalid("a role is viewer, editor or admin"))
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A person, signed in.
    User {
        /// Whose session it is.
        id: String,
        /// What they may do.
        role: Role,
        /// Which session it is.
        session_id: String,
    },
    /// A program that holds an API key.
    Key {
        /// The key's id, not the key.
        id: String,
        /// The only project that it may touch.
        project_id: String,
        /// What it may do there.
        scopes: Vec<Right>,
    },
    /// This program itself.
    System(&'static str),
}

impl Caller {
    /// As the audit log names them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::User { id, .. } => Actor::user(id),
            Self::Key { id, .. } => Actor::api_key(id),
            Self::System(name) => Actor::system(*name),
        }
    }

    /// Demands a right on one project.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`].
    pub fn demand_of(&self, project_id: &str, right: Right) -> Result<(), Error> {
        match self {
            Self::Key { project_id: own, scopes, .. } if own == project_id && scopes.contains(&right) => Ok(()),
            _ => self.demand(right),
        }
    }

    /// Demands a right on everything.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`].
    pub fn demand(&self, right: Right) -> Result<(), Error> {
        match self {
            Self::System(_) => Ok(()),
            Self::User { role, .. } if role.may(right) => Ok(()),
            Self::User { role, .. } => Err(Error::Forbidden(role.as_str())),
            Self::Key { .. } => Err(Error::Forbidden("this key")),
        }
    }
}
