//! Rows some of whose values were erased.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Fields, METADATA, Salt, commitment, hex, row_hash};
use crate::batch::Hash;
use crate::{Row, canonical};

/// What the column `redacted` holds: the commitments of erased values, and the salts of those that are still there, each by its
/// field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Redacted {
    pub(crate) erased: BTreeMap<String, Hash>,
    pub(crate) salts: BTreeMap<String, Salt>,
}

impl Redacted {
    /// Reads the column; nothing where it holds something else, or says that nothing was erased.
    pub(crate) fn parse(column: &Value) -> Option<Self> {
        let column = column.as_object().filter(|column| column.len() == 2)?;
        let erased = fields(column.get("erased")?).filter(|erased| !erased.is_empty())?;
        Some(Self { erased, salts: fields(column.get("salts")?)? })
    }

    /// The column.
    pub(crate) fn to_json(&self) -> Value {
        let erased: Map<_, _> =
            self.erased.iter().map(|(field, commitment)| (field.clone(), hex(commitment).into())).collect();
        let salts: Map<_, _> = self.salts.iter().map(|(field, salt)| (field.clone(), hex(salt).into())).collect();
        json!({ "erased": erased, "salts": salts })
    }
}

fn fields<const N: usize>(object: &Value) -> Option<BTreeMap<String, [u8; N]>> {
    object.as_object()?.iter().map(|(field, digits)| Some((field.clone(), bytes(digits.as_str()?)?))).collect()
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let is_plain = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_plain || digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The leaf, which is that of the row before. Nothing where an erased value is there again, a value lacks its salt, or something
/// stands for what the row cannot have.
pub(super) fn leaf(row: &Row, redacted: &Redacted, metadata: &canonical::Object) -> Option<Hash> {
    let mut members: Vec<_> = metadata.members().collect();
    for key in redacted.erased.keys().filter_map(|field| field.strip_prefix(METADATA)) {
        if row.metadata.get(key).is_some() {
            return None;
        }
        members.push((Cow::Borrowed(key), ""));
    }
    canonical::sort(&mut members);
    let (mut is_sound, mut used) = (true, 0);
    let leaf = row_hash(&mut Fields::new(), &mut String::new(), row, members.into_iter(), |field, value| {
        let erased = redacted.erased.get(field).copied();
        let value = value.filter(|_| erased.is_none() || !field.starts_with(METADATA));
        let salted = value.map(|value| redacted.salts.get(field).map(|salt| commitment(field, salt, value)));
        match (erased, salted) {
            (None, None) => None,
            (Some(erased), None) => {
                used += 1;
                Some(erased)
            }
            (None, Some(Some(salted))) => {
                used += 1;
                Some(salted)
            }
            (None, Some(None)) | (Some(_), Some(_)) => {
                is_sound = false;
                None
            }
        }
    });
    (is_sound && used == redacted.erased.len() + redacted.salts.len()).then_some(leaf)
}
