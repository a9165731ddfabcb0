//! Turns entries into batches of one stream.

use std::mem::take;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Batch, FrozenRow, Hash, Header, HeaderKind, UNKNOWN};
use crate::encoding::{self, Leaves};
use crate::entry::{identify, micros};
use crate::metadata::Details;
use crate::sanitise::{self, Sanitised, Sanitiser};
use crate::signing::Signer;
use crate::trace::Trace;
use crate::{ActionName, Actor, Entry, Metadata, Row, canonical, merkle};

/// An entry that is older than this when it is frozen says so: it waited in memory for a store that was away, or its time
/// comes from elsewhere. One that is as old and does not say so was dated back.
pub(crate) const LATE_AFTER: TimeDelta = TimeDelta::minutes(5);
/// Separates the ids of moved batches' streams from other hashes.
const MOVED_TAG: &[u8] = b"audit-moved-v1";
/// Separates the ids of streams that tell of losses from those.
const GAP_TAG: &[u8] = b"audit-gap-v1";

/// Turns entries into the batches of one stream: sanitised, numbered, hashed, and chained to the batch before.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
/// use audit_core::{ActionName, Entry, batch::Freezer};
///
/// let action = ActionName::unlisted("door.opened")?;
/// let entry = || Entry::builder(action.clone()).target_id("door_7").build();
/// let mut freezer = Freezer::new();
/// let first = freezer.freeze(vec![entry(), entry()], SystemTime::now());
/// let second = freezer.freeze(vec![entry()], SystemTime::now());
/// assert_eq!(second.header().first_seq, 2);
/// assert_eq!(&second.header().prev_hash, first.header_hash());
/// # Ok::<(), audit_core::ActionNameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Freezer {
    stream_id: Uuid,
    batch_no: i64,
    next_seq: i64,
    prev_hash: Hash,
    signer: Option<Arc<dyn Signer>>,
}

impl Freezer {
    /// Begins a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::of_stream(Uuid::now_v7())
    }

    /// Begins the stream of this id.
    pub(crate) const fn of_stream(stream_id: Uuid) -> Self {
        Self { stream_id, batch_no: 0, next_seq: 0, prev_hash: [0; 32], signer: None }
    }

    /// Goes on with a stream after its last header.
    pub(crate) fn after(last: &Header) -> Self {
        Self {
            stream_id: last.stream_id,
            batch_no: last.batch_no + 1,
            next_seq: last.first_seq + i64::from(last.n),
            prev_hash: encoding::header_hash(last),
            signer: None,
        }
    }

    /// Lets a key sign each batch.
    #[must_use]
    pub fn signed_by(mut self, signer: Option<Arc<dyn Signer>>) -> Self {
        self.signer = signer;
        self
    }

    /// The stream whose batches this makes.
    #[must_use]
    pub const fn stream_id(&self) -> Uuid {
        self.stream_id
    }

    /// The number of the next batch.
    pub(crate) const fn batch_no(&self) -> i64 {
        self.batch_no
    }

    /// Freezes entries into the stream's next batch, in their order.
    ///
    /// # Panics
    ///
    /// When there are 2³¹ entries or more; the writer's batches are bounded far below.
    #[must_use]
    pub fn freeze(&mut self, entries: Vec<Entry>, now: SystemTime) -> Batch {
        let (_, writer_time) = identify(now);
        let drafts = entries.into_iter().map(|entry| Draft::of(entry, writer_time));
        self.number(drafts, writer_time, HeaderKind::Entries)
    }

    /// Freezes a header without rows, which says that the stream begins, goes on or ends.
    pub(crate) fn freeze_bare(&mut self, kind: HeaderKind, now: SystemTime) -> Batch {
        debug_assert!(kind.is_bare(), "every other kind tells of rows");
        self.number([], identify(now).1, kind)
    }

    /// Freezes entries that come from the outbox, salts and all.
    pub(crate) fn freeze_outbox(&mut self, drafts: Vec<Draft>, writer_time: DateTime<Utc>) -> Batch {
        self.number(drafts, writer_time, HeaderKind::Outbox)
    }

    /// Freezes rows of an earlier log.
    pub(crate) fn freeze_import(&mut self, drafts: Vec<Draft>, writer_time: DateTime<Utc>) -> Batch {
        self.number(drafts, writer_time, HeaderKind::Import)
    }

    /// The stream of its own, of one batch, that a batch moves to which cannot land in the stream it was frozen for: its
    /// id derives from the batch's hash, so that whoever moves the batch, and however often, moves it to the same place. A lost
    /// header goes where its batch would, as long as that one's hash is known.
    pub(super) fn of_moved(batch: &Batch) -> Self {
        let Header { stream_id, batch_no, kind, rows_root, .. } = &batch.header;
        let digest = Sha256::new_with_prefix(MOVED_TAG);
        Self::named(match kind {
            HeaderKind::Lost if *rows_root == UNKNOWN => {
                digest.chain_update(stream_id.as_bytes()).chain_update(batch_no.to_be_bytes())
            }
            HeaderKind::Lost => digest.chain_update(rows_root),
            _ => digest.chain_update(batch.header_hash()),
        })
    }

    /// The stream of its own, of one batch, that tells of a lost one: the same for whoever finds the loss, whether or not the lost
    /// batch's hash is known, so that it is told once.
    pub(super) fn of_gap(lost: &Batch) -> Self {
        let Header { stream_id, batch_no, .. } = &lost.header;
        let digest = Sha256::new_with_prefix(GAP_TAG);
        Self::named(digest.chain_update(stream_id.as_bytes()).chain_update(batch_no.to_be_bytes()))
    }

    fn named(digest: Sha256) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&digest.finalize()[..16]);
        Self::of_stream(uuid::Builder::from_custom_bytes(id).into_uuid())
    }

    fn number(
        &mut self,
        drafts: impl IntoIterator<Item = Draft>,
        writer_time: DateTime<Utc>,
        kind: HeaderKind,
    ) -> Batch {
        let first_seq = self.next_seq;
        let rows = Draft::all_frozen(drafts, self.stream_id, first_seq);
        let created = || rows.iter().map(|row| row.row.created_at);
        let header = Header {
            stream_id: self.stream_id,
            batch_no: self.batch_no,
            kind,
            first_seq,
            n: i32::try_from(rows.len()).expect("a batch holds fewer than 2^31 rows"),
            first_created: created().min().unwrap_or(writer_time),
            last_created: created().max().unwrap_or(writer_time),
            rows_root: merkle::root(rows.iter().map(|row| row.leaf)),
            prev_hash: self.prev_hash,
            writer_time,
            key_id: None,
            sig: None,
        };
        let batch = Batch::sealed(header, rows, self.signer.as_deref());
        self.batch_no += 1;
        self.next_seq += i64::from(batch.header.n);
        self.prev_hash = batch.header_hash;
        batch
    }
}

impl Batch {
    /// The batch as it is stored when another writer uses its stream: alone in a stream of its own. Nothing is drawn or
    /// measured anew, so that the same batch always moves to the same bytes, as long as the same key signs.
    #[must_use]
    pub fn moved(&self, signer: Option<Arc<dyn Signer>>) -> Self {
        if self.header.kind == HeaderKind::Lost {
            return self.lost_moved(signer.as_deref());
        }
        let drafts = self.rows.iter().cloned().map(Draft::unchanged);
        Freezer::of_moved(self).signed_by(signer).number(drafts, self.header.writer_time, self.header.kind)
    }

    /// [`Self::moved`], with the times of the rows once more brought into the window that partitions are made for. Its
    /// bytes depend on `now`.
    #[must_use]
    pub fn moved_into_window(&self, now: SystemTime, signer: Option<Arc<dyn Signer>>) -> Self {
        let (_, writer_time) = identify(now);
        let kept = |frozen: FrozenRow| {
            let mut row = frozen.row;
            if is_late(row.created_at, writer_time) {
                row.metadata.mark(Metadata::LATE, Value::Bool(true));
            }
            Draft::kept(row, writer_time)
        };
        let drafts = self.rows.iter().cloned().map(kept);
        Freezer::of_moved(self).signed_by(signer).number(drafts, writer_time, self.header.kind)
    }
}

impl Default for Freezer {
    fn default() -> Self {
        Self::new()
    }
}

/// What sanitising makes of metadata, or, should it panic, a mark that says so: an entry is worth more than its details.
fn unbroken(sanitise: impl FnOnce() -> Sanitised) -> Sanitised {
    panic::catch_unwind(AssertUnwindSafe(sanitise)).unwrap_or_else(|_| {
        let mut lost = Metadata::new();
        lost.mark("panicked", Value::Bool(true));
        Sanitiser::default().metadata(lost.into())
    })
}

/// [`sanitise`], with the row's time brought into the window that partitions are made for.
fn within_window(row: &mut Row, details: Details, mut clean: Sanitiser, now: DateTime<Utc>) -> Sanitised {
    row.created_at = clean.time("created_at", row.created_at, now);
    sanitise(row, details, clean)
}

/// Sanitises a row in its place. Its metadata are the details, and nothing else.
fn sanitise(row: &mut Row, details: Details, mut clean: Sanitiser) -> Sanitised {
    for (field, id) in [
        ("actor_id", &mut row.actor_id),
        ("target_id", &mut row.target_id),
        ("request_id", &mut row.request_id),
        ("trace_id", &mut row.trace_id),
        ("span_id", &mut row.span_id),
        ("tenant_id", &mut row.tenant_id),
        ("on_behalf_of", &mut row.on_behalf_of),
        ("origin", &mut row.origin),
    ] {
        clean.optional(field, id, sanitise::MAX_ID_BYTES);
    }
    clean.text("action", &mut row.action, ActionName::MAX_BYTES);
    clean.text("target_type", &mut row.target_type, sanitise::MAX_TYPE_BYTES);
    clean.optional("user_agent", &mut row.user_agent, sanitise::MAX_USER_AGENT_BYTES);
    clean.optional("error", &mut row.error, sanitise::MAX_ERROR_BYTES);
    unbroken(|| clean.metadata(details))
}

fn is_late(created_at: DateTime<Utc>, writer_time: DateTime<Utc>) -> bool {
    created_at < writer_time - LATE_AFTER
}

/// A sanitised row that has no place in a stream yet.
pub(crate) struct Draft {
    /// Without its metadata.
    pub(crate) row: Row,
    pub(crate) metadata: canonical::Object,
    /// Whether sanitising changed anything, of which there are marks.
    pub(crate) is_changed: bool,
}

impl Draft {
    pub(crate) fn of(entry: Entry, now: DateTime<Utc>) -> Self {
        let Entry { metadata: mut details, context, .. } = entry;
        let context = context.fields();
        // Both ids are the context's, or neither is.
        let trace = entry.trace.filter(|_| context.trace_id.is_none() && context.span_id.is_none());
        let actor = entry.actor.or_else(|| context.actor.clone()).unwrap_or_else(|| Actor::system(Actor::UNATTRIBUTED));
        if is_late(entry.created_at, now) {
            details.others().mark(Metadata::LATE, Value::Bool(true));
        }
        if !entry.action.is_listed() {
            details.others().mark("unlisted", Value::Bool(true));
        }

        let mut row = Row {
            id: entry.id,
            actor_id: Some(actor.id),
            actor_type: actor.actor_type,
            action: entry.action.into(),
            target_type: entry.target_type.into_owned(),
            target_id: entry.target_id,
            metadata: Metadata::new(),
            ip_address: context.ip_address.map(|address| address.to_canonical()),
            user_agent: context.user_agent.clone(),
            created_at: entry.created_at,
            outcome: entry.outcome,
            error: entry.error,
            duration_us: entry.duration.map(micros),
            attempt_id: entry.attempt_id,
            request_id: context.request_id.clone(),
            trace_id: context.trace_id.clone().or_else(|| trace.map(Trace::trace_id)),
            span_id: context.span_id.clone().or_else(|| trace.map(Trace::span_id)),
            tenant_id: context.tenant_id.clone(),
            on_behalf_of: context.on_behalf_of.clone(),
            origin: context.origin.clone(),
            recorded_at: None,
            stream_id: Uuid::nil(),
            seq: 0,
            salt: None,
            redacted: None,
        };
        let Sanitised { text: metadata, is_changed } = within_window(&mut row, details, Sanitiser::default(), now);
        Self { row, metadata, is_changed }
    }

    /// A row of an earlier log, which keeps its time: its partition is made for it.
    pub(crate) fn imported(mut row: Row) -> Self {
        let details = take(&mut row.metadata).into();
        let Sanitised { text: metadata, is_changed } = sanitise(&mut row, details, Sanitiser::default());
        Self { row, metadata, is_changed }
    }

    /// A row that should have been sanitised before, and may have waited since: its time is brought into the window. It
    /// keeps its salt.
    pub(crate) fn kept(mut row: Row, now: DateTime<Utc>) -> Self {
        let details = take(&mut row.metadata).into();
        let Sanitised { text: metadata, is_changed } = within_window(&mut row, details, Sanitiser::again(), now);
        Self { row, metadata, is_changed }
    }

    /// A row that was frozen into another stream.
    fn unchanged(frozen: FrozenRow) -> Self {
        let metadata = canonical::Object::of(frozen.row.metadata.as_map());
        Self { row: frozen.row, metadata, is_changed: false }
    }

    /// Each as a row of the stream, in their order. Those that have a salt keep it.
    pub(crate) fn all_frozen(
        drafts: impl IntoIterator<Item = Self>,
        stream_id: Uuid,
        first_seq: i64,
    ) -> Vec<FrozenRow> {
        let mut leaves = Leaves::new();
        drafts.into_iter().zip(first_seq..).map(|(draft, seq)| draft.frozen(stream_id, seq, &mut leaves)).collect()
    }

    fn frozen(self, stream_id: Uuid, seq: i64, leaves: &mut Leaves) -> FrozenRow {
        let Self { row, metadata, .. } = self;
        let salt: [u8; 16] = row.salt.unwrap_or_else(rand::random);
        let mut frozen = FrozenRow { row, leaf: [0; 32] };
        frozen.row.stream_id = stream_id;
        frozen.row.seq = seq;
        frozen.row.salt = Some(salt);
        frozen.leaf = leaves.leaf(&frozen.row, &salt, &metadata);
        frozen.row.metadata = metadata.into();
        frozen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_outlives_a_panic_over_its_details() {
        let metadata = unbroken(|| panic!("scripted"));
        assert_eq!(metadata.text.as_str(), r#"{"_audit":{"panicked":true}}"#);
    }
}
