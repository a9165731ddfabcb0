//! One difference between what is expected and what is there.

use std::fmt;

use super::Site;

/// One difference between what is expected and what is there.
#[derive(Debug)]
pub(super) enum Gap {
    /// An action of the catalog has no site.
    NotEmitted { action: &'static str, target: &'static str, beside: Option<Site> },
    /// A function of the list has no site.
    NotAudited { function: String, beside: Option<Site> },
    /// An allowance for an action that is emitted.
    Emitted { action: String, site: Site },
    /// An allowance for an action that the catalog does not have.
    NoSuchAction { action: String, nearest: Option<&'static str> },
    /// An allowance for a function that is audited.
    Audited { function: String, site: Site },
    /// An allowance for a function that nobody expects to be audited.
    NotListed { function: String },
    /// An allowance without a reason.
    NoReason { what: String },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmitted { action, target, beside } => {
                write!(
                    f,
                    "action `{action}` is emitted nowhere\n  write `#[audited(action = \"{action}\", …)]` above "
                )?;
                write!(f, "the function that does it")?;
                if let Some(site) = beside {
                    write!(f, "; what else is done to target `{target}` is at {}:{}", site.file(), site.line())?;
                }
                write!(f, "\n  or allow it, where this is checked: `not_emitted = [\"{action}\" => \"why\"]`")
            }
            Self::NotAudited { function, beside } => {
                write!(f, "function `{function}` is not audited\n  write `#[audited(action = …)]` above it")?;
                if let Some(site) = beside {
                    write!(f, "; its neighbour `{}` is at {}:{}", site.function(), site.file(), site.line())?;
                }
                write!(f, "\n  or allow it, where this is checked: `not_audited = [{function} => \"why\"]`")
            }
            Self::Emitted { action, site } => {
                write!(f, "`not_emitted` allows `{action}`, which is emitted at {}:{}", site.file(), site.line())?;
                f.write_str("\n  take the entry out")
            }
            Self::NoSuchAction { action, nearest } => {
                write!(f, "`not_emitted` allows `{action}`, which the catalog does not have\n  ")?;
                match nearest {
                    Some(name) => write!(f, "write `{name}`, if that was meant, or take the entry out"),
                    None => f.write_str("take the entry out"),
                }
            }
            Self::Audited { function, site } => {
                write!(f, "`not_audited` allows `{function}`, which is audited at {}:{}", site.file(), site.line())?;
                f.write_str("\n  take the entry out")
            }
            Self::NotListed { function } => {
                write!(f, "`not_audited` allows `{function}`, which is not in the list `functions`")?;
                f.write_str("\n  add it there, or take the entry out")
            }
            Self::NoReason { what } => write!(f, "`{what}` is allowed without a reason\n  write why"),
        }
    }
}
