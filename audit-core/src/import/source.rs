//! Where rows come from, and the ids that derive from it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Field, Record};

/// Separate ids of streams and rows from each other and from other hashes.
const STREAM_TAG: &[u8] = b"audit-import-stream-v1";
const ROW_TAG: &[u8] = b"audit-import-row-v1";

/// The name of a source, which makes all of its ids.
#[derive(Debug, Clone)]
pub(super) struct Source {
    name: String,
}

impl Source {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// What the column `origin` says.
    pub(super) fn origin(&self) -> String {
        format!("import:{}", self.name)
    }

    /// The stream of all its batches.
    pub(super) fn stream_id(&self) -> Uuid {
        derived(STREAM_TAG, &[self.name.as_bytes()])
    }

    /// The id of a record: its own where it is a UUID.
    pub(super) fn id_of(&self, record: &Record) -> Uuid {
        let Some(id) = record.get(Field::Id) else {
            let place = record.place().to_be_bytes();
            let mut parts: Vec<&[u8]> = vec![self.name.as_bytes(), &place];
            for (field, text) in record.texts() {
                parts.extend([field.as_str().as_bytes(), text.as_bytes()]);
            }
            return derived(ROW_TAG, &parts);
        };
        id.parse().unwrap_or_else(|_| derived(ROW_TAG, &[self.name.as_bytes(), id.as_bytes()]))
    }
}

/// A `UUIDv8` (RFC 9562) of these parts, each with its length before it.
fn derived(tag: &[u8], parts: &[&[u8]]) -> Uuid {
    let mut digest = Sha256::new_with_prefix(tag);
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&digest.finalize()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_where_it_is_a_uuid_and_derived_the_same_way_each_time_where_not() {
        let source = Source::named("old.csv");
        let own = "6f1c3a52-0d6f-4d0e-9a44-7d1f0a8e4c11";
        assert_eq!(source.id_of(&Record::at(1).with(Field::Id, own)).to_string(), own);
        let numbered = |place, id: &str| source.id_of(&Record::at(place).with(Field::Id, id));
        assert_eq!(numbered(1, "17"), numbered(2, "17"), "a row with a key of its own may move");
        assert_ne!(numbered(1, "17"), numbered(1, "18"));
        assert_ne!(numbered(1, "17"), Source::named("new.csv").id_of(&Record::at(1).with(Field::Id, "17")));
        let bare = |place| source.id_of(&Record::at(place).with(Field::Action, "a.b"));
        assert_eq!(bare(1), bare(1));
        assert_ne!(bare(1), bare(2), "two equal rows are two events");
    }
}
