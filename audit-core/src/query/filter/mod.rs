//! Which rows are meant: conditions that all have to hold.
//!
//! A [`Filter`] is read from text by the [grammar](super::grammar), built by [`Query`](super::Query)'s methods, and
//! printed in one canonical form that reads back as the same filter. What it means, [`Filter::matches`] says; a store
//! answers with exactly the rows of which that is true.

mod column;
mod matches;
pub(super) mod metadata;
mod period;
mod print;
mod term;

pub(super) use column::TextColumn;
pub(super) use metadata::Path;
pub(super) use period::Period;
pub use term::Term;
pub(super) use term::{Condition, Pattern};

/// Which rows are meant. Without a term, all of them.
///
/// # Examples
///
/// ```
/// use audit_core::query::Filter;
///
/// let filter: Filter = r#"action:project.* -outcome:success "My Project""#.parse()?;
/// assert_eq!(filter.to_string(), r#"action:project.* -outcome:success "My Project""#);
/// # Ok::<(), audit_core::query::ParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

impl Filter {
    /// Every row.
    #[must_use]
    pub const fn new() -> Self {
        Self { terms: Vec::new() }
    }

    /// The terms, which all have to hold, in the order in which they were given.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether every row is meant.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Adds a term.
    #[must_use]
    pub fn with(mut self, term: Term) -> Self {
        self.terms.push(term);
        self
    }

    /// The rows that both filters mean.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }
}

impl FromIterator<Term> for Filter {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Self {
        Self { terms: terms.into_iter().collect() }
    }
}
