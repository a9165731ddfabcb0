//! What stands for a batch that was lost.

use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Batch, Freezer, Hash, Header, HeaderKind};
use crate::catalog::SystemAction;
use crate::encoding;
use crate::signing::Signer;

/// In place of the hash of a lost header that nobody knows.
pub(crate) const UNKNOWN: Hash = [0; 32];

impl Batch {
    /// A header without rows in the place of a batch that was lost. `hash` is that of the lost header, by which its
    /// successor names it, or [`UNKNOWN`].
    pub(crate) fn lost(
        stream_id: Uuid,
        batch_no: i64,
        first_seq: i64,
        n: i32,
        prev_hash: Hash,
        hash: Hash,
        time: DateTime<Utc>,
    ) -> Self {
        let header = Header {
            stream_id,
            batch_no,
            kind: HeaderKind::Lost,
            first_seq,
            n,
            first_created: time,
            last_created: time,
            rows_root: hash,
            prev_hash,
            writer_time: time,
            key_id: None,
            sig: None,
        };
        let header_hash = encoding::header_hash(&header);
        Self { header, header_hash, rows: Vec::new() }
    }

    /// The entry that tells of this lost batch, alone in a stream of its own. Whoever finds the loss, and however often, makes a batch
    /// of the same place.
    pub(crate) fn gap(
        &self,
        entries: Option<u64>,
        reason: &str,
        now: SystemTime,
        signer: Option<Arc<dyn Signer>>,
    ) -> Self {
        let Header { stream_id, batch_no, .. } = self.header;
        let entry = SystemAction::gap(entries, reason, Some((stream_id, batch_no)));
        Freezer::of_gap(self).signed_by(signer).freeze(vec![entry], now)
    }

    /// A lost header where the batch that it stands for would have moved to. It goes on telling which one that is, and how much is
    /// missing.
    pub(super) fn lost_moved(&self, signer: Option<&dyn Signer>) -> Self {
        let Header { n, rows_root, writer_time, .. } = self.header;
        let stream_id = Freezer::of_moved(self).stream_id();
        let alone = Self::lost(stream_id, 0, 0, n, [0; 32], rows_root, writer_time);
        match signer {
            Some(signer) => alone.signed(signer),
            None => alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActionName, Entry};

    #[test]
    fn a_lost_header_moves_to_where_its_batch_would_have_been_and_tells_of_as_many_rows() {
        let action = ActionName::unlisted("door.opened").expect("a well-formed name");
        let entries = vec![Entry::builder(action).build(); 3];
        let batch = Freezer::new().freeze(entries, SystemTime::now());
        let Header { stream_id, batch_no, first_seq, n, prev_hash, writer_time, .. } = batch.header;
        let lost = |hash| Batch::lost(stream_id, batch_no, first_seq, n, prev_hash, hash, writer_time);
        let moved = lost(batch.header_hash).moved(None).header;
        assert_eq!((moved.kind, moved.n, moved.rows_root), (HeaderKind::Lost, 3, batch.header_hash));
        assert_eq!((moved.stream_id, moved.batch_no), (batch.moved(None).header.stream_id, 0));
        // Nobody knows where that is without the hash; the place is none that another one's would be.
        let moved = lost([0; 32]).moved(None).header;
        assert_eq!((moved.n, moved.batch_no), (3, 0));
        let other = Batch::lost(stream_id, batch_no + 1, first_seq, n, prev_hash, [0; 32], writer_time);
        assert_ne!(moved.stream_id, other.moved(None).header.stream_id);
    }
}
