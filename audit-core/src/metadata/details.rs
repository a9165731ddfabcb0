//! The metadata of an entry on its way to its batch.

use serde_json::Value;
use smallvec::SmallVec;

use super::{MAX_WEIGHED_DEPTH, Metadata, weight};

/// What calls capture is kept as it comes, because the caller waits for it; the writer makes an object of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    /// Fields that an attribute names. They are few, and mostly need no memory of their own.
    fields: SmallVec<[(&'static str, Value); 3]>,
    /// All others, and the marks.
    others: Option<Box<Metadata>>,
}

impl Details {
    /// Adds a field that an attribute names; it names each at most once.
    pub(crate) fn field(&mut self, name: &'static str, value: Value) {
        self.fields.push((name, value));
    }

    /// The fields that an attribute names, where there is nothing else, and none of them twice.
    pub(crate) fn as_fields(&self) -> Option<&[(&'static str, Value)]> {
        let is_first =
            |(index, (name, _)): (usize, &(&str, Value))| self.fields[..index].iter().all(|(of, _)| of != name);
        (self.others.is_none() && self.fields.iter().enumerate().all(is_first)).then_some(&self.fields)
    }

    /// The details that are named at run time. They win over an attribute's.
    pub(crate) fn others(&mut self) -> &mut Metadata {
        self.others.get_or_insert_default()
    }

    /// A rough count of the bytes held.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + weight(value, MAX_WEIGHED_DEPTH));
        fields.sum::<usize>() + self.others.as_ref().map_or(0, |others| others.weight())
    }
}

impl From<Metadata> for Details {
    fn from(metadata: Metadata) -> Self {
        Self { others: Some(Box::new(metadata)), ..Self::default() }
    }
}

impl From<Details> for Metadata {
    fn from(details: Details) -> Self {
        let mut metadata = details.others.map_or_else(Self::new, |others| *others);
        let named = metadata.details_mut();
        for (name, value) in details.fields {
            named.entry(name).or_insert(value);
        }
        metadata
    }
}
