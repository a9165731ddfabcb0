//! Who signed a header.

use chrono::{DateTime, Utc};

use super::source::StoredHeader;
use super::{Break, Report};
use crate::batch::Header;
use crate::encoding;
use crate::signing::{Signature, TrustedKeys};

/// Looks at a header's signature, if keys of writers are trusted.
pub(super) fn take(stored: &StoredHeader, keys: &TrustedKeys, report: &mut Report) {
    let header = &stored.header;
    let (stream_id, batch_no) = (header.stream_id, header.batch_no);
    if keys.writers().is_empty() {
        return;
    }
    let (Some(key_id), Some(signature)) = (&header.key_id, &header.sig) else {
        if keys.demand_signature(stored.db_time) {
            report.add(Break::Unsigned { stream_id, batch_no });
        }
        return;
    };
    let Some(key) = keys.writer(key_id, stored.db_time) else {
        if !keys.demand_signature(stored.db_time) {
            return;
        }
        return report.add(Break::UntrustedKey { stream_id, batch_no, key_id: key_id.clone() });
    };
    let message = encoding::signed_message(&encoding::header_hash(header));
    if Signature::try_from(signature.as_slice()).is_ok_and(|signature| key.verifies(&message, &signature)) {
        report.signed_batches += 1;
    } else {
        report.add(Break::BadSignature { stream_id, batch_no, key_id: key_id.clone() });
    }
}

/// The trusted key that signed a header.
pub(super) fn signed_by(header: &Header, db_time: DateTime<Utc>, keys: &TrustedKeys) -> Option<String> {
    let key = keys.writer(header.key_id.as_deref()?, db_time)?;
    let signature = Signature::try_from(header.sig.as_deref()?).ok()?;
    let message = encoding::signed_message(&encoding::header_hash(header));
    key.verifies(&message, &signature).then(|| key.id())
}
