//! The public half of a key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Signature;

/// The algorithm byte of Ed25519 in C2SP signed-note.
pub(super) const ED25519: u8 = 0x01;
/// Longest name of a key.
const MAX_NAME_BYTES: usize = 200;

/// The public half of an Ed25519 key, with a name. As text it is a verifier key of C2SP signed-note,
/// `NAME+HASH+BASE64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    hash: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The name is empty, too long, or holds what no name does.
    #[error(
        "a key's name has 1 to 200 bytes, without blanks, control characters, + and #: name it after the service, such as \
         billing.example.org"
    )]
    Name,
    /// It does not have the parts of a key.
    #[error("this is not written as {expected}: take it as `audit keys generate` printed it")]
    Form {
        /// How it should be written.
        expected: &'static str,
    },
    /// The key is of another algorithm.
    #[error("the key is not of Ed25519: make one with `audit keys generate`")]
    Algorithm,
    /// The hash in the text is not that of name and key.
    #[error("the key's hash does not fit its name and bytes: a character was changed when it was copied")]
    Hash,
    /// The file is longer than any key.
    #[error("{place} has more than {most} bytes, and is no key: name the file that `audit keys generate` wrote")]
    TooLong {
        /// A path.
        place: String,
        /// Most bytes that the file of a key has.
        most: u64,
    },
    /// The key cannot be read from where it should be.
    #[error("cannot read the key from {place}: {reason}")]
    Unreadable {
        /// A path, or the name of a variable.
        place: String,
        /// Why.
        reason: String,
    },
}

impl VerifyingKey {
    /// How it is written.
    const FORM: &str = "NAME+HASH+BASE64";

    pub(super) fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Result<Self, KeyError> {
        if name.is_empty()
            || name.len() > MAX_NAME_BYTES
            || name.contains(|c: char| matches!(c, '+' | '#') || c.is_whitespace() || c.is_control())
        {
            return Err(KeyError::Name);
        }
        let digest =
            Sha256::new_with_prefix(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
        Ok(Self { name: name.to_owned(), hash: [a, b, c, d], key })
    }

    /// Whose key it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name and hash, `NAME+HASH`: the `key_id` of a header.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}+{:08x}", self.name, u32::from_be_bytes(self.hash))
    }

    /// The four bytes that stand before a signature in a note.
    pub(super) const fn hash(&self) -> [u8; 4] {
        self.hash
    }

    /// Whether this key signed the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, hash, bytes) = parts(text, Self::FORM)?;
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Form { expected: Self::FORM })?;
        let key = Self::new(name, key)?;
        if key.hash == hash { Ok(key) } else { Err(KeyError::Hash) }
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.id(), encoded(self.key.as_bytes()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// Name, hash and the 32 bytes of `NAME+HASH+BASE64`.
pub(super) fn parts<'a>(text: &'a str, expected: &'static str) -> Result<(&'a str, [u8; 4], [u8; 32]), KeyError> {
    let form = KeyError::Form { expected };
    let mut parts = text.trim().splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(form) };
    let hash = u32::from_str_radix(hash, 16).ok().filter(|_| hash.len() == 8);
    let (Some(hash), Ok(key)) = (hash, STANDARD.decode(key)) else { return Err(form) };
    match key.split_first() {
        Some((&ED25519, bytes)) => {
            Ok((name, hash.to_be_bytes(), bytes.try_into().map_err(|_| KeyError::Form { expected })?))
        }
        Some(_) => Err(KeyError::Algorithm),
        None => Err(form),
    }
}

/// A key's bytes behind the byte of its algorithm.
pub(super) fn encoded(key: &[u8; 32]) -> String {
    let mut bytes = vec![ED25519];
    bytes.extend(key);
    STANDARD.encode(bytes)
}
