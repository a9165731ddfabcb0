//! Who answers for a batch.

use std::panic::{self, AssertUnwindSafe};

use super::{Batch, FrozenRow, Header};
use crate::encoding;
use crate::signing::{SignError, Signer};

impl Batch {
    /// A header, hashed and signed, with its rows. A key that cannot sign leaves the batch unsigned, which verifying tells: an
    /// entry is worth more than its signature.
    pub(super) fn sealed(mut header: Header, rows: Vec<FrozenRow>, signer: Option<&dyn Signer>) -> Self {
        let Some(signer) = signer else {
            let header_hash = encoding::header_hash(&header);
            return Self { header, header_hash, rows };
        };
        header.key_id = Some(signer.verifying_key().id());
        let header_hash = encoding::header_hash(&header);
        let message = encoding::signed_message(&header_hash);
        let answer = panic::catch_unwind(AssertUnwindSafe(|| signer.sign(&message)));
        let answer = answer.unwrap_or_else(|_| Err(SignError::new(signer.verifying_key(), "it panicked")));
        match answer {
            // A signature that does not hold would be a break for ever.
            Ok(signature) if signer.verifying_key().verifies(&message, &signature) => {
                header.sig = Some(signature.to_vec());
                return Self { header, header_hash, rows };
            }
            Ok(_) => {
                tracing::error!(stream_id = %header.stream_id, "audit batch not signed: the key's signature does not hold");
            }
            Err(error) => tracing::error!(%error, stream_id = %header.stream_id, "audit batch not signed"),
        }
        header.key_id = None;
        Self::sealed(header, rows, None)
    }

    /// The batch with the signature of a key, in place of whatever it has.
    pub(crate) fn signed(&self, signer: &dyn Signer) -> Self {
        Self::sealed(self.header.clone(), self.rows.clone(), Some(signer))
    }
}
