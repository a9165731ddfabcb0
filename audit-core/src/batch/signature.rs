//! Who answers for a batch.

use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};

use super::{Batch, FrozenRow, Hash, Header};
use crate::encoding;
use crate::signing::{SignError, Signer};

impl Batch {
    /// A header, hashed and signed, with its rows. A key that cannot sign leaves the batch unsigned, which verifying tells: an
    /// entry is worth more than its signature.
    pub(super) fn sealed(mut header: Header, rows: Vec<FrozenRow>, signer: Option<&dyn Signer>) -> Self {
        if let Some(signer) = signer {
            // The key is the program's, and so is whoever hears that it failed: neither's panic may take the rows along.
            match panic::catch_unwind(AssertUnwindSafe(|| sign(&header, signer))) {
                Ok(Ok((header, header_hash))) => return Self { header, header_hash, rows },
                Ok(Err(error)) => not_signed(&header, &error),
                Err(_) => not_signed(&header, &"its key panicked"),
            }
        }
        (header.key_id, header.sig) = (None, None);
        let header_hash = encoding::header_hash(&header);
        Self { header, header_hash, rows }
    }

    /// The batch with the signature of a key, in place of whatever it has.
    pub(crate) fn signed(&self, signer: &dyn Signer) -> Self {
        Self::sealed(self.header.clone(), self.rows.clone(), Some(signer))
    }
}

fn not_signed(header: &Header, error: &dyn Display) {
    let say = || tracing::error!(%error, stream_id = %header.stream_id, "audit batch not signed");
    let _ = panic::catch_unwind(AssertUnwindSafe(say));
}

/// The header with the key's name and signature, and its hash.
fn sign(header: &Header, signer: &dyn Signer) -> Result<(Header, Hash), SignError> {
    let key = signer.verifying_key();
    let mut header = Header { key_id: Some(key.id()), ..header.clone() };
    let header_hash = encoding::header_hash(&header);
    let message = encoding::signed_message(&header_hash);
    let signature = signer.sign(&message)?;
    // One that does not hold would be a break for ever.
    if !key.verifies(&message, &signature) {
        return Err(SignError::new(key, "its signature does not hold"));
    }
    header.sig = Some(signature.to_vec());
    Ok((header, header_hash))
}
