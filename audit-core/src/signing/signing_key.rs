//! The private half of a key, in memory.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use ed25519_dalek::Signer as _;

use super::verifying_key::{encoded, parts};
use super::{KeyError, SignError, Signature, Signer, VerifyingKey};

/// What stands before the name in a private key's text.
const PREFIX: &str = "PRIVATE+KEY+";
/// Longest file of a key: several times what the longest name needs.
const MAX_FILE_BYTES: u64 = 4_096;

/// An Ed25519 key that signs. Its text, `PRIVATE+KEY+NAME+HASH+BASE64`, is the form that Go's `note` package gives to
/// keys of C2SP signed-note; it is a secret.
///
/// # Examples
///
/// ```
/// use audit_core::signing::{Signer as _, SigningKey};
///
/// let key = SigningKey::generate("audit.example.org")?;
/// let again: SigningKey = key.to_secret_text().parse()?;
/// assert_eq!(again.verifying_key(), key.verifying_key());
/// # Ok::<(), audit_core::signing::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    public: VerifyingKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// How it is written.
    const FORM: &str = "PRIVATE+KEY+NAME+HASH+BASE64";

    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// When the name holds a blank or a plus sign, or has not 1 to 200 bytes.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        Self::new(name, &rand::random())
    }

    fn new(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { public: VerifyingKey::new(name, key.verifying_key())?, key })
    }

    /// Reads a key from a file that holds its text and nothing else.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, has more than 4,096 bytes, or holds no key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let unreadable = |error: std::io::Error| KeyError::Unreadable {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
            if mode & 0o077 != 0 {
                tracing::warn!(path = %path.display(), "others than its owner may read the audit key: chmod 600");
            }
        }
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(KeyError::TooLong { place: path.display().to_string(), most: MAX_FILE_BYTES });
        }
        text.parse()
    }

    /// Reads a key from a variable of the environment.
    ///
    /// # Errors
    ///
    /// When the variable is not set, or holds no key.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let unreadable =
            |error: std::env::VarError| KeyError::Unreadable { place: variable.to_owned(), reason: error.to_string() };
        std::env::var(variable).map_err(unreadable)?.parse()
    }

    /// The key as text, which is a secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!("{PREFIX}{}+{}", self.public.id(), encoded(self.key.as_bytes()))
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(KeyError::Form { expected: Self::FORM })?;
        let (name, hash, seed) = parts(text, Self::FORM)?;
        let key = Self::new(name, &seed)?;
        if key.public.hash() == hash { Ok(key) } else { Err(KeyError::Hash) }
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(self.key.sign(message).to_bytes())
    }
}

/// Never the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.id()).finish()
    }
}
