//! What a stream's segments hold, in order, and what they ought to hold and do not.

use std::sync::Arc;

use uuid::Uuid;

use super::Journal;
use super::error::JournalError;
use super::frame::Position;
use super::segment::{Item, SegmentReader};
use crate::batch::Batch;

/// What comes next in a stream.
#[derive(Debug)]
pub(crate) enum Step {
    /// A batch, as it was frozen.
    Batch(Box<Batch>),
    /// Something is missing.
    Lost(Lost),
}

impl Step {
    /// The batch's number, where it is known.
    pub(super) fn batch_no(&self) -> Option<i64> {
        match self {
            Self::Batch(batch) => Some(batch.header().batch_no),
            Self::Lost(lost) => lost.header.as_ref().map(|batch| batch.header().batch_no),
        }
    }
}

/// A batch that the journal cannot give back.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Takes the batch's place in its stream; `None` where that is not known.
    pub(crate) header: Option<Box<Batch>>,
    /// How many entries are missing, where the neighbours tell. Of several batches in a row, the first tells for all.
    pub(crate) entries: Option<u64>,
}

/// Reads one stream, segment by segment.
#[derive(Debug)]
pub(super) struct Replay {
    journal: Arc<Journal>,
    stream_id: Uuid,
    /// Behind the last step; `None` until a segment tells.
    position: Option<Position>,
    /// Where the missing batches end.
    missing_upto: Option<Position>,
    /// Damage that no neighbour has explained yet.
    damage: Option<Unexplained>,
    /// Read, and waiting for what is missing before it.
    ahead: Option<Box<Batch>>,
    reader: Option<SegmentReader>,
}

#[derive(Debug)]
struct Unexplained {
    /// Behind the damaged batch, if its own head tells.
    after: Option<Position>,
}

impl Replay {
    pub(super) fn new(journal: Arc<Journal>, stream_id: Uuid) -> Self {
        Self { journal, stream_id, position: None, missing_upto: None, damage: None, ahead: None, reader: None }
    }

    /// Goes on with a segment. `start` is where it begins, if that is known better than by its own head.
    pub(super) fn enter(&mut self, reader: SegmentReader, start: Option<Position>) {
        let start = start.or_else(|| reader.head.map(|head| head.start));
        if start.is_none() {
            tracing::error!(
                segment = %reader.path.display(),
                "the head of an audit journal's segment is damaged; its batches are looked for all the same"
            );
            self.journal.count_damage();
        }
        self.reader = Some(reader);
        if let Some(start) = start {
            self.expect(start);
        }
    }

    /// Goes on where a segment was that is gone.
    pub(super) fn stand_at(&mut self, start: Position) {
        self.expect(start);
    }

    /// What comes next in the segment, of which `end` bytes are to be read; nothing at its end.
    pub(super) fn next(&mut self, end: Option<u64>) -> Result<Option<Step>, JournalError> {
        loop {
            if let Some(lost) = self.missing() {
                return Ok(Some(Step::Lost(lost)));
            }
            if let Some(batch) = self.ahead.take() {
                self.position = Some(Position::after(&batch));
                return Ok(Some(Step::Batch(batch)));
            }
            let Some(reader) = self.reader.as_mut() else { return Ok(None) };
            let end = match end {
                Some(end) => end,
                None => reader.length()?,
            };
            match reader.next(end)? {
                Item::Batch(batch) => {
                    let repeated = self.position.is_some_and(|at| batch.header().batch_no < at.batch_no);
                    if !repeated {
                        self.expect(Position::before(batch.header()));
                        self.ahead = Some(batch);
                    }
                }
                Item::Damaged(damage) => {
                    self.journal.quarantine(&reader.path, &damage);
                    self.damage = Some(Unexplained { after: damage.head.map(|head| head.after()) });
                }
                Item::Torn { bytes } => {
                    tracing::info!(
                        segment = %reader.path.display(), bytes,
                        "the last record of an audit journal was not written to its end; nobody was told of it"
                    );
                }
                // The reader stays: of a segment that is still written, more may follow.
                Item::End => return Ok(None),
            }
        }
    }

    /// Whether everything read so far is accounted for, so that the segments behind it are needed no more.
    pub(super) const fn is_settled(&self) -> bool {
        self.damage.is_none() && self.missing_upto.is_none()
    }

    /// There are no more segments, and `end` is where the stream ended, if that is known: what is missing at its end?
    pub(super) fn finish(&mut self, end: Option<Position>) -> Option<Step> {
        if let Some(end) = end {
            self.expect(end);
        } else if let Some(damage) = self.damage.take() {
            match damage.after {
                Some(after) => self.expect(after),
                None => return Some(Step::Lost(self.unknown())),
            }
        }
        self.missing().map(Step::Lost)
    }

    /// Here the stream stands. What lies between this and where it stood is missing.
    fn expect(&mut self, at: Position) {
        let explained = self.damage.take();
        match self.position {
            Some(position) if position.batch_no < at.batch_no => self.missing_upto = Some(at),
            Some(_) => {}
            None => {
                if explained.is_some() {
                    tracing::error!(
                        stream_id = %self.stream_id, before_batch_no = at.batch_no,
                        "an audit journal's first batches of a stream are damaged, and how many they were is not known"
                    );
                }
                self.position = Some(at);
            }
        }
    }

    /// The next missing batch.
    fn missing(&mut self) -> Option<Lost> {
        let upto = self.missing_upto?;
        let at = self.position?;
        let is_last = at.batch_no + 1 >= upto.batch_no;
        let entries = u64::try_from(upto.seq - at.seq).unwrap_or_default();
        // Of several hashes only the last is known: it stands in the header behind.
        let hash = if is_last { upto.prev_hash } else { [0; 32] };
        let n = i32::try_from(entries).unwrap_or(i32::MAX);
        let header = Batch::lost(self.stream_id, at.batch_no, at.seq, n, at.prev_hash, hash, upto.writer_time);
        self.position =
            Some(Position { batch_no: at.batch_no + 1, seq: upto.seq, prev_hash: hash, writer_time: upto.writer_time });
        if is_last {
            self.missing_upto = None;
        }
        Some(Lost { header: Some(Box::new(header)), entries: Some(entries) })
    }

    /// Damage at the end of a stream of which nothing is known.
    fn unknown(&mut self) -> Lost {
        let header = self.position.map(|at| {
            Box::new(Batch::lost(self.stream_id, at.batch_no, at.seq, 0, at.prev_hash, [0; 32], at.writer_time))
        });
        Lost { header, entries: None }
    }
}
