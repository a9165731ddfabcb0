//! What stands in the place of values that go.

use serde_json::Value;

use super::Field;
use crate::encoding::{self, Redacted};
use crate::{Metadata, Row, canonical};

/// What is to be done to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Whose values go.
    pub(super) fields: Vec<Field>,
    /// The column `redacted` then.
    pub(super) redacted: Value,
    /// The column `metadata` then, as RFC 8785 JSON.
    pub(super) metadata: String,
}

/// What erasing fields of a row means; nothing where it has no value in any of them, or cannot be proved as it is.
pub(super) fn change(row: &Row, wanted: &[Field]) -> Option<Change> {
    let mut fields: Vec<Field> = wanted.iter().filter(|field| field.value(row).is_some()).cloned().collect();
    if fields.is_empty() {
        return None;
    }
    if fields.iter().any(|field| is_fingerprinted(row, field)) {
        // The marks tell the hash of a text that was cut, from which a short one could be guessed.
        fields.push(Field::of_metadata(Metadata::MARKS));
    }
    fields.sort_unstable();
    fields.dedup();

    let before = match (&row.salt, &row.redacted) {
        (Some(salt), None) => {
            let salts = Field::all_of(row).into_iter().map(|field| {
                let of_field = encoding::field_salt(salt, field.as_str());
                (field.as_str().to_owned(), of_field)
            });
            Redacted { salts: salts.collect(), ..Redacted::default() }
        }
        (None, Some(redacted)) => Redacted::parse(redacted)?,
        _ => return None,
    };
    let mut after = before;
    for field in &fields {
        let (name, value) = (field.as_str(), field.value(row)?);
        let salt = after.salts.remove(name)?;
        after.erased.insert(name.to_owned(), encoding::commitment(name, &salt, &value));
    }
    let mut left = row.metadata.as_map().clone();
    left.retain(|key, _| !fields.contains(&Field::of_metadata(key)));
    let metadata = canonical::Object::of(&left).into_text();
    Some(Change { fields, redacted: after.to_json(), metadata })
}

/// Whether the marks hold a hash of what a field's text was before it was cut.
fn is_fingerprinted(row: &Row, field: &Field) -> bool {
    let marks = row.metadata.get(Metadata::MARKS).and_then(|marks| marks.get("changed"));
    let is_of_field = |mark: &Value| {
        let marked = mark.get("field").and_then(Value::as_str).unwrap_or_default();
        mark.get("sha256").is_some() && (marked == field.as_str() || marked.starts_with(&format!("{field}.")))
    };
    marks.and_then(Value::as_array).is_some_and(|marks| marks.iter().any(is_of_field))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::batch::Freezer;
    use crate::{ActionName, Actor, Context, Entry, Target};

    fn row() -> Row {
        let context = Context::new()
            .with_actor(Actor::user("user_123"))
            .with_ip_address([192, 168, 1, 1])
            .with_user_agent("x".repeat(2_000));
        let entry = Entry::builder(ActionName::unlisted("user.invited").unwrap())
            .target(Target::project("proj_1"))
            .metadata("email", "a@example.org")
            .metadata("role", "admin")
            .context(context)
            .build();
        Freezer::new().freeze(vec![entry], SystemTime::now()).rows()[0].row.clone()
    }

    fn apply(row: &Row, change: &Change) -> Row {
        let mut row = row.clone();
        let mut details = row.metadata.as_map().clone();
        for field in &change.fields {
            match field.as_str() {
                "actor_id" => row.actor_id = None,
                "user_agent" => row.user_agent = None,
                "ip_address" => row.ip_address = None,
                other => drop(details.remove(other.strip_prefix("metadata.").unwrap())),
            }
        }
        row.metadata = details.into();
        row.salt = None;
        row.redacted = Some(change.redacted.clone());
        row
    }

    fn fields(names: &[&str]) -> Vec<Field> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn the_leaf_stays_through_one_erasure_after_another() {
        let before = row();
        let leaf = encoding::row_leaf(&before);
        assert!(leaf.is_some());
        let once = apply(&before, &change(&before, &fields(&["ip_address", "metadata.email", "error"])).unwrap());
        assert_eq!(encoding::row_leaf(&once), leaf);
        let twice = apply(&once, &change(&once, &fields(&["actor_id", "metadata.role"])).unwrap());
        assert_eq!(encoding::row_leaf(&twice), leaf);
        assert_eq!(change(&twice, &fields(&["actor_id", "metadata.email", "error"])), None, "nothing is left of them");
    }

    #[test]
    fn what_could_be_guessed_from_a_mark_goes_too() {
        let before = row();
        let change = change(&before, &fields(&["user_agent"])).unwrap();
        assert_eq!(change.fields, fields(&["metadata._audit", "user_agent"]));
        assert_eq!(encoding::row_leaf(&apply(&before, &change)), encoding::row_leaf(&before));
    }

    #[test]
    fn an_erased_row_proves_nothing_but_what_it_was() {
        let before = row();
        let erased = apply(&before, &change(&before, &fields(&["ip_address", "metadata.email"])).unwrap());
        let leaf = encoding::row_leaf(&before).unwrap();
        let changed = |edit: &dyn Fn(&mut Row)| {
            let mut row = erased.clone();
            edit(&mut row);
            encoding::row_leaf(&row)
        };
        assert_eq!(changed(&|_| ()), Some(leaf));
        assert_ne!(changed(&|row| row.actor_id = Some("user_124".to_owned())), Some(leaf));
        assert_eq!(changed(&|row| row.actor_id = None), None, "its salt is still there");
        assert_eq!(changed(&|row| row.ip_address = Some([10, 0, 0, 1].into())), None, "it was erased");
        assert_eq!(changed(&|row| row.salt = before.salt), None);
        let edited = |pointer: &str, value: Option<Value>| {
            changed(&|row| {
                let redacted = row.redacted.as_mut().unwrap();
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                let parent = redacted.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                match &value {
                    Some(value) => drop(parent.insert(key.to_owned(), value.clone())),
                    None => drop(parent.remove(key)),
                }
            })
        };
        assert_ne!(edited("/erased/ip_address", Some("00".repeat(32).into())), Some(leaf));
        assert_eq!(edited("/erased/ip_address", None), edited("/erased/ip_address", None));
        assert_ne!(edited("/erased/ip_address", None), Some(leaf));
        assert_ne!(edited("/erased/metadata.email", None), Some(leaf));
        assert_eq!(
            edited("/erased/metadata.other", Some("00".repeat(32).into())),
            edited("/erased/metadata.other", Some("00".repeat(32).into()))
        );
        assert_ne!(edited("/erased/metadata.other", Some("00".repeat(32).into())), Some(leaf));
        assert_eq!(edited("/erased/error", Some("AB".repeat(32).into())), None, "digits are small");
        assert_eq!(edited("/salts/error", Some("00".repeat(16).into())), None, "there is no error");
        assert_eq!(edited("/more", Some(Value::Null)), None);
    }

    #[test]
    fn a_row_of_which_nothing_was_erased_keeps_its_salt() {
        let mut row = row();
        let salts = Field::all_of(&row).into_iter().map(|field| {
            let salt = encoding::field_salt(&row.salt.unwrap(), field.as_str());
            (field.as_str().to_owned(), salt)
        });
        row.redacted = Some(Redacted { salts: salts.collect(), ..Redacted::default() }.to_json());
        row.salt = None;
        assert_eq!(encoding::row_leaf(&row), None);
    }
}
