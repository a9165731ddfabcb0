//! Dotted names of what was done.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::{self, Catalog};

/// The dotted name of an action, `project.created`.
///
/// Names in `#[audited]` are checked by the compiler; this type is for names that are known only at
/// run time (imports, plugins, a command line).
///
/// # Examples
///
/// ```
/// use audit_core::{ActionName, AuditAction};
///
/// let listed = ActionName::parse::<AuditAction>("project.created")?;
/// assert!(listed.is_listed());
///
/// let error = ActionName::parse::<AuditAction>("project.creatd").unwrap_err();
/// assert_eq!(error.to_string(), "unknown audit action `project.creatd`; did you mean `project.created`?");
///
/// let foreign = ActionName::unlisted("billing.run_started")?;
/// assert!(!foreign.is_listed());
/// # Ok::<(), audit_core::ActionNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionName {
    name: Cow<'static, str>,
    listed: bool,
}

/// Why a text is not an action name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionNameError {
    /// The text does not match `^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`.
    #[error(
        "malformed audit action `{0}`: write lower-case words joined by dots, at least two, such as `project.created`"
    )]
    Malformed(String),
    /// The text is longer than [`ActionName::MAX_BYTES`].
    #[error("audit action name of {0} bytes: at most {max} are allowed", max = ActionName::MAX_BYTES)]
    TooLong(usize),
    /// The catalog has no such action.
    #[error("unknown audit action `{name}`{}", hint(*.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The catalog's most similar name, if any is similar at all.
        nearest: Option<&'static str>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl ActionName {
    /// Longest name in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Looks a name up in a catalog.
    ///
    /// # Errors
    ///
    /// When the text is no action name, or the catalog `C` does not list it.
    pub fn parse<C: Catalog>(name: &str) -> Result<Self, ActionNameError> {
        check_grammar(name)?;
        match catalog::find::<C>(name) {
            Some(info) => Ok(Self::listed(info.name)),
            None => Err(ActionNameError::Unknown { name: name.to_owned(), nearest: catalog::nearest::<C>(name) }),
        }
    }

    /// Accepts any well-formed name; the entry carries a mark that no catalog lists it.
    ///
    /// # Errors
    ///
    /// When the text is no action name.
    pub fn unlisted(name: &str) -> Result<Self, ActionNameError> {
        check_grammar(name)?;
        Ok(Self { name: Cow::Owned(name.to_owned()), listed: false })
    }

    /// A name that a catalog's table holds.
    pub(crate) const fn listed(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), listed: true }
    }

    /// The name as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether a catalog of this program vouched for the name.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        self.listed
    }
}

fn check_grammar(name: &str) -> Result<(), ActionNameError> {
    if name.len() > ActionName::MAX_BYTES {
        return Err(ActionNameError::TooLong(name.len()));
    }
    let well_formed = name.contains('.') && name.split('.').all(is_word);
    if well_formed { Ok(()) } else { Err(ActionNameError::Malformed(name.to_owned())) }
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for ActionName {
    type Error = ActionNameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        check_grammar(&name)?;
        Ok(Self { name: Cow::Owned(name), listed: false })
    }
}

impl From<ActionName> for String {
    fn from(action: ActionName) -> Self {
        action.name.into_owned()
    }
}
