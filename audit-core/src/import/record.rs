//! One row of a source.

use std::collections::BTreeMap;

use super::Field;

/// One row of a source: texts by field.
///
/// # Examples
///
/// ```
/// use audit_core::import::{Field, Record};
///
/// let record = Record::at(7).with(Field::Action, "project.created").with(Field::CreatedAt, "2024-02-29T12:00:00Z");
/// assert_eq!((record.place(), record.get(Field::Action)), (7, Some("project.created")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    place: u64,
    texts: BTreeMap<Field, String>,
}

impl Record {
    /// A record without texts. Its place in the source counts from 1; where there is no id, place and texts together tell
    /// it from others.
    #[must_use]
    pub const fn at(place: u64) -> Self {
        Self { place, texts: BTreeMap::new() }
    }

    /// With the text of a field. A field that is NULL is left out.
    #[must_use]
    pub fn with(mut self, field: Field, text: impl Into<String>) -> Self {
        self.texts.insert(field, text.into());
        self
    }

    /// Its place in the source, from 1.
    #[must_use]
    pub const fn place(&self) -> u64 {
        self.place
    }

    /// The text of a field, if there is one.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.texts.get(&field).map(String::as_str)
    }

    /// What there is, in the order of [`Field::ALL`].
    pub fn texts(&self) -> impl Iterator<Item = (Field, &str)> {
        self.texts.iter().map(|(field, text)| (*field, text.as_str()))
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.texts.values().map(String::len).sum()
    }
}
