//! What it was done to.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! target_types {
    ($($(#[$doc:meta])* $variant:ident, $constructor:ident, $text:literal;)*) => {
        /// The built-in kinds of targets. A catalog may name others.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum TargetType {
            $($(#[$doc])* $variant,)*
        }

        impl TargetType {
            /// Every built-in kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The text in the `target_type` column.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl Target {
            $($(#[$doc])*
            pub fn $constructor(id: impl Into<String>) -> Self {
                Self::new(TargetType::$variant.as_str(), id)
            })*
        }
    };
}

/// What it was done to: a kind and an id.
///
/// # Examples
///
/// ```
/// use audit_core::Target;
///
/// let target: Target = "project:proj_456".parse()?;
/// assert_eq!(target, Target::project("proj_456"));
/// assert_eq!(Target::new("invoice", "inv_1").to_string(), "invoice:inv_1");
/// # Ok::<(), audit_core::TargetParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The kind: one of [`TargetType`], or a catalog's own.
    pub target_type: Cow<'static, str>,
    /// The id, in the application's own terms.
    pub id: String,
}

impl Target {
    /// A target of any kind.
    pub fn new(target_type: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self { target_type: target_type.into(), id: id.into() }
    }
}

target_types! {
    /// A project.
    Project, project, "project";
    /// A user account.
    User, user, "user";
    /// An API key.
    ApiKey, api_key, "api_key";
    /// A secret.
    Secret, secret, "secret";
    /// A background job.
    Job, job, "job";
    /// An organization.
    Organization, organization, "organization";
    /// A team.
    Team, team, "team";
    /// A session of an administrator.
    AdminSession, admin_session, "admin_session";
}

impl fmt::Display for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<TargetType> for Cow<'static, str> {
    fn from(kind: TargetType) -> Self {
        Cow::Borrowed(kind.as_str())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target_type, self.id)
    }
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a target: write TYPE:ID, such as project:proj_456")]
pub struct TargetParseError(String);

impl FromStr for Target {
    type Err = TargetParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(Self::new(kind.to_owned(), id)),
            _ => Err(TargetParseError(text.to_owned())),
        }
    }
}
