//! What a stream's segments hold, in order, and what they ought to hold and do not.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

use uuid::Uuid;

use super::Journal;
use super::error::JournalError;
use super::frame::{FRAME_HEAD_BYTES, FrameHead, Position};
use super::segment::{Item, SegmentReader};
use crate::batch::{Batch, UNKNOWN};

/// What comes next in a stream.
#[derive(Debug)]
pub(crate) enum Step {
    /// A batch, as it was frozen.
    Batch(Box<Batch>),
    /// Something is missing.
    Lost(Lost),
}

impl Step {
    /// The batch, unless it is lost.
    pub(super) fn batch(&self) -> Option<&Batch> {
        match self {
            Self::Batch(batch) => Some(batch),
            Self::Lost(_) => None,
        }
    }

    /// The batch's number, where it is known.
    pub(super) fn batch_no(&self) -> Option<i64> {
        match self {
            Self::Batch(batch) => Some(batch.header().batch_no),
            Self::Lost(lost) => lost.is_placed.then(|| lost.header.header().batch_no),
        }
    }
}

/// A batch that the journal cannot give back.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Names the batch.
    pub(crate) header: Box<Batch>,
    /// Whether the header can take the batch's place in its stream: what came before is known, too.
    pub(crate) is_placed: bool,
    /// How many entries are missing, where anything tells. Of several batches in a row of which nothing is left, the first tells for all.
    pub(crate) entries: Option<u64>,
}

/// Reads one stream, segment by segment.
#[derive(Debug)]
pub(super) struct Replay {
    journal: Arc<Journal>,
    stream_id: Uuid,
    /// Behind the last step; `None` until a segment tells.
    position: Option<Position>,
    /// What is missing before anything that is known.
    before: Option<Lost>,
    /// Places behind the last step, up to where the missing batches end.
    missing_upto: VecDeque<Position>,
    /// Damaged records that no neighbour has explained yet, with their heads where those are whole. Another file may hold the same.
    damaged: Vec<Option<FrameHead>>,
    /// Read, and waiting for what is missing before it.
    ahead: Option<Box<Batch>>,
    reader: Option<SegmentReader>,
}

impl Replay {
    pub(super) fn new(journal: Arc<Journal>, stream_id: Uuid) -> Self {
        Self {
            journal,
            stream_id,
            position: None,
            before: None,
            missing_upto: VecDeque::new(),
            damaged: Vec::new(),
            ahead: None,
            reader: None,
        }
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
            if let Some(lost) = self.lost() {
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
                    self.damaged.push(damage.head);
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
    pub(super) fn is_settled(&self) -> bool {
        self.damaged.is_empty() && self.before.is_none() && self.missing_upto.is_empty()
    }

    /// There are no more segments, and `end` is where the stream ended, if that is known: what is missing at its end?
    pub(super) fn finish(&mut self, end: Option<Position>) -> Option<Step> {
        if end.is_none() {
            let damaged = take(&mut self.damaged);
            self.damaged =
                damaged.into_iter().map(|head| head.filter(|head| self.may_stand_at_the_end(head))).collect();
        }
        // Behind the last damaged record that has a head, nothing tells anything.
        let told = self.damaged.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let untold = self.damaged.split_off(told);
        let told = self.damaged.last().copied().flatten().map(|head| head.after());
        if let Some(end) = end.or(told) {
            self.expect(end);
        }
        if end.is_none() {
            self.damaged = untold;
        }
        let lost = self.lost().or_else(|| (!take(&mut self.damaged).is_empty()).then(|| self.unknown()));
        lost.map(Step::Lost)
    }

    /// Whether a damaged record's head can be the stream's own, and not that of another file's block: there are no more batches than a
    /// segment holds, and what was there before is there once more.
    fn may_stand_at_the_end(&self, head: &FrameHead) -> bool {
        let Some(at) = self.position else { return true };
        let most = i64::try_from(self.journal.segment_bytes / FRAME_HEAD_BYTES as u64).unwrap_or(i64::MAX);
        match head.batch_no - at.batch_no {
            -1 => head.header_hash == at.prev_hash,
            behind => (0..most).contains(&behind),
        }
    }

    /// What is missing here.
    fn lost(&mut self) -> Option<Lost> {
        self.before.take().or_else(|| self.missing())
    }

    /// Here the stream stands. What lies between this and where it stood is missing.
    fn expect(&mut self, at: Position) {
        let damaged = take(&mut self.damaged);
        let position = *self.position.get_or_insert_with(|| match damaged.first() {
            None => at,
            // Nothing comes before the first, and a damaged record that stands once more behind is not lost.
            Some(_) if at.batch_no == 0 => at,
            Some(Some(head)) if head.batch_no == at.batch_no => at,
            // What a batch was chained to is known of the first alone.
            Some(Some(head)) if head.batch_no == 0 => head.before(),
            Some(Some(head)) if head.batch_no < at.batch_no => {
                self.before = Some(Lost::named(self.stream_id, head.before(), Some(head)));
                head.after()
            }
            Some(_) => {
                let before = Position { batch_no: at.batch_no - 1, ..at };
                self.before = Some(Lost::named(self.stream_id, before, None));
                at
            }
        });
        if position.batch_no < at.batch_no {
            let heads =
                damaged.iter().flatten().filter(|head| (position.batch_no..at.batch_no).contains(&head.batch_no));
            self.missing_upto = heads.flat_map(|head| [head.before(), head.after()]).chain([at]).collect();
        }
    }

    /// The next missing batch.
    fn missing(&mut self) -> Option<Lost> {
        let at = self.position?;
        let upto = loop {
            let upto = *self.missing_upto.front()?;
            if at.batch_no < upto.batch_no {
                break upto;
            }
            self.missing_upto.pop_front();
        };
        let is_last = at.batch_no + 1 == upto.batch_no;
        let entries = u64::try_from(upto.seq - at.seq).unwrap_or_default();
        // Of several that nothing else tells of, the last one's hash alone is known: it stands in what is behind.
        let hash = if is_last { upto.prev_hash } else { UNKNOWN };
        let n = i32::try_from(entries).unwrap_or(i32::MAX);
        let header = Batch::lost(self.stream_id, at.batch_no, at.seq, n, at.prev_hash, hash, upto.writer_time);
        self.position =
            Some(Position { batch_no: at.batch_no + 1, seq: upto.seq, prev_hash: hash, writer_time: upto.writer_time });
        Some(Lost { header: Box::new(header), is_placed: true, entries: Some(entries) })
    }

    /// Something is missing, and nothing tells what: at the end of the stream, or all of it.
    pub(super) fn unknown(&self) -> Lost {
        let at = self.position.unwrap_or(Position::BEGINNING);
        Lost { is_placed: self.position.is_some(), ..Lost::named(self.stream_id, at, None) }
    }
}

impl Lost {
    /// One of which neither the predecessor is known nor, without a head, anything else.
    fn named(stream_id: Uuid, at: Position, head: Option<&FrameHead>) -> Self {
        let (rows, hash) = head.map_or((0, UNKNOWN), |head| (head.n, head.header_hash));
        let n = i32::try_from(rows).unwrap_or(i32::MAX);
        let header = Batch::lost(stream_id, at.batch_no, at.seq, n, at.prev_hash, hash, at.writer_time);
        Self { header: Box::new(header), is_placed: false, entries: head.map(|head| head.n.into()) }
    }
}
