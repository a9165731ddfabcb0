//! Bytes as hexadecimal digits, in proofs and archives.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::batch::Hash;

fn parse<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    let refuse = || E::custom("not hexadecimal digits, two a byte");
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(refuse());
    }
    let byte = |place| u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| refuse());
    (0..text.len()).step_by(2).map(byte).collect()
}

fn hash<E: Error>(text: &str) -> Result<Hash, E> {
    parse(text)?.try_into().map_err(|_| E::custom("a hash has 32 bytes"))
}

pub(super) mod one {
    use serde::Serializer;

    use super::{Deserialize as _, Deserializer, Hash};
    use crate::encoding::hex;

    pub(in crate::verify) fn serialize<S: Serializer>(value: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(value))
    }

    pub(in crate::verify) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        super::hash(&String::deserialize(deserializer)?)
    }
}

pub(super) mod optional {
    use serde::Serializer;

    use super::{Deserialize as _, Deserializer};
    use crate::encoding::hex;

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(in crate::verify) fn serialize<S: Serializer>(
        value: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(bytes) => serializer.serialize_some(&hex(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::verify) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| super::parse(&text)).transpose()
    }
}

pub(super) mod path {
    use serde::Serializer;

    use super::{Deserialize as _, Deserializer, Hash};
    use crate::encoding::hex;

    pub(in crate::verify) fn serialize<S: Serializer>(path: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(path.iter().map(|hash| hex(hash)))
    }

    pub(in crate::verify) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
        Vec::<String>::deserialize(deserializer)?.iter().map(|text| super::hash(text)).collect()
    }
}
