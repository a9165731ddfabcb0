//! Cuts what waits in the outbox into the batches of one stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Record;
use crate::batch::{Batch, Freezer, Hash};
use crate::signing::Signer;

/// Cuts records into the batches of one stream. A batch that may not have been stored is cut again under the same
/// number, from whatever waits by then; the hashes of those that were sent are kept, to recognise one that was stored
/// after all.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Most records of one batch.
    pub(crate) rows: usize,
    freezer: Freezer,
    /// The batch that is being moved, and the stream after it.
    cut: Option<(Batch, Freezer)>,
    sent: VecDeque<Earlier>,
    /// Whether the store is to be asked for one of those.
    in_doubt: bool,
    signer: Option<Arc<dyn Signer>>,
}

/// A batch that was sent and not answered.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    hash: Hash,
    pub(crate) entries: u64,
    next: Freezer,
}

impl Cutter {
    /// Most batches that are remembered; what has gone unanswered for longer is not counted, and stored all the same.
    const REMEMBERED: usize = 16;

    pub(crate) fn new(rows: usize, signer: Option<Arc<dyn Signer>>) -> Self {
        let freezer = Freezer::new().signed_by(signer.clone());
        Self { rows, freezer, cut: None, sent: VecDeque::new(), in_doubt: false, signer }
    }

    /// Forgets what was cut, and begins another stream.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::new(self.rows, self.signer.take());
    }

    /// The stream, and the number of its next batch.
    pub(crate) const fn place(&self) -> (Uuid, i64) {
        (self.freezer.stream_id(), self.freezer.batch_no())
    }

    /// Freezes records into the next batch.
    pub(crate) fn cut(&mut self, records: Vec<Record>) -> &Batch {
        let now: DateTime<Utc> = truncated(SystemTime::now());
        let mut next = self.freezer.clone();
        let batch = next.freeze_outbox(records.into_iter().map(|record| record.thaw(now)).collect(), now);
        &self.cut.insert((batch, next)).0
    }

    /// The batch that was cut last, unless it has landed.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite asks in the transaction that moves it"))]
    pub(crate) fn batch(&self) -> Option<&Batch> {
        self.cut.as_ref().map(|(batch, _)| batch)
    }

    /// The batch that was cut is stored. Gives back how many entries it holds.
    pub(crate) fn landed(&mut self) -> u64 {
        let Some((batch, next)) = self.cut.take() else { return 0 };
        self.go_on(next);
        batch.rows().len() as u64
    }

    /// A batch of this stream, which was cut now or earlier, has landed.
    pub(crate) fn moved(&mut self, batch: &Batch) {
        if self.batch().is_some_and(|cut| cut.header_hash() == batch.header_hash()) {
            self.landed();
        } else {
            self.recognise(batch.header_hash());
        }
    }

    /// Nothing of what was cut was committed.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite refuses rows one by one"))]
    pub(crate) fn take_back(&mut self) {
        self.cut = None;
    }

    /// Whether the batch that was cut is stored is not known.
    pub(crate) fn doubt(&mut self) {
        if let Some((batch, next)) = self.cut.take() {
            self.sent.truncate(Self::REMEMBERED - 1);
            self.sent.push_front(Earlier { hash: *batch.header_hash(), entries: batch.rows().len() as u64, next });
        }
        self.in_doubt = !self.sent.is_empty();
    }

    /// Whether the store is to be asked, once, whether an earlier batch is there.
    pub(crate) fn asks(&mut self) -> bool {
        std::mem::take(&mut self.in_doubt)
    }

    /// The store holds a batch of the next number with this hash: the earlier one it is, after which the stream goes on.
    /// None means that somebody else writes the stream; a new one begins.
    pub(crate) fn recognise(&mut self, hash: &[u8]) -> Option<Earlier> {
        let earlier = self.sent.iter().find(|earlier| earlier.hash == hash).cloned();
        let begun = || Freezer::new().signed_by(self.signer.clone());
        let next = earlier.as_ref().map_or_else(begun, |earlier| earlier.next.clone());
        if earlier.is_none() {
            tracing::error!(
                stream_id = %self.freezer.stream_id(), batch_no = self.freezer.batch_no(),
                new_stream_id = %next.stream_id(),
                "another writer uses this audit stream; the outbox goes on in a new one. Find the other writer: a forked \
                 process or a cloned machine"
            );
        }
        self.cut = None;
        self.go_on(next);
        earlier
    }

    fn go_on(&mut self, next: Freezer) {
        self.freezer = next;
        self.sent.clear();
        self.in_doubt = false;
    }
}

/// In whole microseconds, as a header holds it.
fn truncated(now: SystemTime) -> DateTime<Utc> {
    crate::entry::identify(now).1
}
