//! Keys, and what they sign.
//!
//! Two kinds of statements are signed, with Ed25519: a writer signs the header of each batch, and the sealer signs
//! checkpoints of the whole log. Keys are written, and checkpoints signed, as
//! [C2SP signed-note](https://c2sp.org/signed-note) says, so that other tools read both.
//!
//! The key of the checkpoints belongs where `audit seal` runs, and nowhere else. Whoever verifies takes the keys that it
//! trusts from a file of its own ([`TrustedKeys`]), never from the database.
//!
//! # Examples
//!
//! ```
//! use audit_core::signing::{Signer as _, SigningKey};
//!
//! let key = SigningKey::generate("billing.example.org")?;
//! let signature = key.sign(b"what was said")?;
//! assert!(key.verifying_key().verifies(b"what was said", &signature));
//! // What goes into the verifier's file.
//! assert!(key.verifying_key().to_string().starts_with("billing.example.org+"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod note;
mod signing_key;
mod trusted;
mod verifying_key;

use std::error::Error;
use std::fmt;

pub use note::{Note, NoteError};
pub use signing_key::SigningKey;
pub use trusted::{TrustedKeys, TrustedKeysError, TrustedWriter};
pub use verifying_key::{KeyError, VerifyingKey};

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// What signs: a [`SigningKey`] in memory, or a key management service.
///
/// A batch is signed on the writer's thread while it is frozen, so a signer of headers has to answer within a
/// millisecond; one that asks a service over the network is for checkpoints, which are signed on a thread where waiting
/// harms nothing.
pub trait Signer: fmt::Debug + Send + Sync + 'static {
    /// The key by which others know what this one signed.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Signs a message.
    ///
    /// # Errors
    ///
    /// When no signature can be had now. A batch is then stored unsigned, and the log says so; a checkpoint is tried again.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

/// Why something could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("key {key_id} cannot sign: {reason}")]
pub struct SignError {
    key_id: String,
    reason: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SignError {
    /// An error of a key.
    pub fn new(key: &VerifyingKey, reason: impl Into<String>) -> Self {
        Self { key_id: key.id(), reason: reason.into(), source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}
