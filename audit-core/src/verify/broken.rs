//! What is not as it was frozen.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::batch::Header;
use crate::retention::Pruning;

/// Something in the log that is not as it was frozen. As text it is one sentence, without values of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Break {
    /// Headers are gone from a stream, the first and the last of them included here.
    MissingBatches {
        /// The stream.
        stream_id: Uuid,
        /// The first that is gone.
        first: i64,
        /// The last that is gone.
        last: i64,
    },
    /// A header does not name the one before it.
    BrokenChain {
        /// The stream.
        stream_id: Uuid,
        /// The header that names another.
        batch_no: i64,
    },
    /// The rows of a batch do not begin where those of the batch before end.
    BrokenNumbers {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
    },
    /// A header stands behind one that closes its stream, or opens a stream that has begun, or has rows that its kind has not.
    OutOfPlace {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
    },
    /// Rows of a batch are nowhere.
    MissingRows {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// How many.
        rows: u64,
        /// `seq` of the first.
        first_seq: i64,
        /// Not before this was any row of the batch created.
        first_created: DateTime<Utc>,
        /// Not after this was any row of the batch created.
        last_created: DateTime<Utc>,
    },
    /// The rows of a batch are all there, and at least one was changed, or its header was.
    AlteredRows {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// How many rows the batch has.
        rows: i32,
        /// Not before this was any row of the batch created.
        first_created: DateTime<Utc>,
        /// Not after this was any row of the batch created.
        last_created: DateTime<Utc>,
    },
    /// Two rows claim the same place in a stream.
    DoubledRow {
        /// The stream.
        stream_id: Uuid,
        /// The place.
        seq: i64,
    },
    /// A row that no batch promises.
    UnknownRow {
        /// Its id.
        id: Uuid,
        /// When it says that it was created.
        created_at: DateTime<Utc>,
        /// The stream that it names.
        stream_id: Uuid,
        /// The place that it names.
        seq: i64,
    },
    /// A row's `recorded_at` is not the `db_time` of its batch.
    OtherTime {
        /// Its id.
        id: Uuid,
        /// When it was created.
        created_at: DateTime<Utc>,
    },
    /// A row whose leaf cannot be computed, because its salt is gone, say.
    UnprovableRow {
        /// Its id.
        id: Uuid,
        /// When it was created.
        created_at: DateTime<Utc>,
    },
    /// A row, header or dead letter holds what no writer writes.
    Unreadable {
        /// Which, and what about it.
        what: String,
    },
    /// Headers were put before others that are in the tree, and are not in it themselves.
    PassedOver {
        /// The stream.
        stream_id: Uuid,
        /// The first batch that is not in the tree.
        batch_no: i64,
    },
    /// A header, its signature or `db_time` is not what was sealed.
    AlteredHeader {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
    },
    /// A header that nobody signed.
    Unsigned {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
    },
    /// A header that a key signed which is not trusted, or not any more.
    UntrustedKey {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// The key that the header names.
        key_id: String,
    },
    /// A header whose signature is not that of the key that it names.
    BadSignature {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// The key that the header names.
        key_id: String,
    },
    /// A row that says that it was created long before its batch was frozen, and should not.
    Backdated {
        /// Its id.
        id: Uuid,
        /// When it says that it was created.
        created_at: DateTime<Utc>,
        /// When its batch was frozen.
        writer_time: DateTime<Utc>,
    },
    /// Values of a row were erased, and no entry tells of it.
    UntoldErasure {
        /// Its id.
        id: Uuid,
        /// When it was created.
        created_at: DateTime<Utc>,
        /// Which fields.
        fields: String,
    },
    /// A row lies in a partition that is not for its time, so that whoever asks for that time does not see it.
    Misplaced {
        /// Its id.
        id: Uuid,
        /// When it was created.
        created_at: DateTime<Utc>,
    },
    /// A header was kept out of the tree, while others went into it.
    NeverSealed {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// When the database took it.
        db_time: DateTime<Utc>,
    },
    /// A table does not show the same to every question.
    TwoFaced {
        /// Its name.
        table: &'static str,
    },
    /// What has the name of a table of the log is none, or has rules, policies, heirs, types or casts that decide what of it is shown, or
    /// defaults that say when a row came.
    Disguised {
        /// Its name.
        table: String,
    },
    /// The tree lacks a leaf.
    BrokenTree {
        /// Which.
        leaf: u64,
    },
    /// The tree is not the one that a checkpoint states.
    OtherTree {
        /// How large the checkpoint says that it was.
        size: u64,
        /// Whether the checkpoint is the verifier's own.
        is_saved: bool,
    },
    /// The tree is smaller than a checkpoint states.
    Truncated {
        /// How large the checkpoint says that it was.
        size: u64,
        /// How large it is.
        leaves: u64,
    },
    /// A checkpoint that no trusted key signed, or that is none.
    ForgedCheckpoint {
        /// How large it says that the tree was.
        size: u64,
    },
    /// What stands beside a checkpoint is not the tree that it states.
    AlteredCheckpoint {
        /// How large the checkpoint says that the tree was.
        size: u64,
    },
    /// A checkpoint of another log.
    ForeignCheckpoint {
        /// How large it says that the tree was.
        size: u64,
        /// The log that it names.
        origin: String,
    },
    /// No checkpoint of a trusted key is in the log.
    NoCheckpoint {
        /// How many batches there are.
        batches: u64,
    },
    /// A record of a pruning that no trusted key signed, or that says something else than its statement, the leaves that were kept
    /// or the tree. It excuses nothing.
    ForgedPruning {
        /// Which.
        no: i64,
        /// Rows created then or later.
        lower_bound: DateTime<Utc>,
        /// Rows created before then.
        upper_bound: DateTime<Utc>,
    },
    /// A dead letter that is not the row that was refused, or belongs to no batch.
    AlteredDeadLetter {
        /// The stream.
        stream_id: Uuid,
        /// The batch.
        batch_no: i64,
        /// The row's place in it.
        idx: i32,
    },
}

impl Break {
    pub(super) const fn forged_pruning(pruning: &Pruning) -> Self {
        Self::ForgedPruning { no: pruning.no, lower_bound: pruning.lower_bound, upper_bound: pruning.upper_bound }
    }

    pub(super) fn altered(header: &Header) -> Self {
        Self::AlteredRows {
            stream_id: header.stream_id,
            batch_no: header.batch_no,
            rows: header.n,
            first_created: header.first_created,
            last_created: header.last_created,
        }
    }

    /// When the entries concerned were created, the last moment included, where that is known, and leads to them.
    #[must_use]
    pub const fn span(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match self {
            Self::MissingRows { first_created, last_created, .. }
            | Self::AlteredRows { first_created, last_created, .. } => Some((*first_created, *last_created)),
            Self::UnknownRow { created_at, .. }
            | Self::OtherTime { created_at, .. }
            | Self::Backdated { created_at, .. }
            | Self::UntoldErasure { created_at, .. }
            | Self::UnprovableRow { created_at, .. } => Some((*created_at, *created_at)),
            Self::MissingBatches { .. }
            | Self::BrokenChain { .. }
            | Self::BrokenNumbers { .. }
            | Self::OutOfPlace { .. }
            | Self::DoubledRow { .. }
            | Self::Unreadable { .. }
            | Self::PassedOver { .. }
            | Self::NeverSealed { .. }
            | Self::Misplaced { .. }
            | Self::TwoFaced { .. }
            | Self::Disguised { .. }
            | Self::AlteredHeader { .. }
            | Self::Unsigned { .. }
            | Self::UntrustedKey { .. }
            | Self::BadSignature { .. }
            | Self::BrokenTree { .. }
            | Self::OtherTree { .. }
            | Self::Truncated { .. }
            | Self::ForgedCheckpoint { .. }
            | Self::AlteredCheckpoint { .. }
            | Self::ForeignCheckpoint { .. }
            | Self::NoCheckpoint { .. }
            | Self::ForgedPruning { .. }
            | Self::AlteredDeadLetter { .. } => None,
        }
    }
}

impl fmt::Display for Break {
    #[expect(clippy::too_many_lines, reason = "a sentence for each kind")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingBatches { stream_id, first, last } if first == last => {
                write!(f, "batch {first} of stream {stream_id} was removed")
            }
            Self::MissingBatches { stream_id, first, last } => {
                write!(f, "batches {first} to {last} of stream {stream_id} were removed")
            }
            Self::BrokenChain { stream_id, batch_no: 0 } => {
                write!(f, "batch 0 of stream {stream_id} names a batch before it: its header was changed")
            }
            Self::BrokenChain { stream_id, batch_no } => {
                let before = batch_no.saturating_sub(1);
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id} was written after another batch {before} than the one that is \
                     there: the header of one of them was changed or replaced"
                )
            }
            Self::BrokenNumbers { stream_id, batch_no } => {
                write!(
                    f,
                    "the rows of batch {batch_no} of stream {stream_id} do not begin where those before end: a header \
                     was changed or inserted"
                )
            }
            Self::OutOfPlace { stream_id, batch_no } => {
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id} stands where no writer writes one, behind the end of the stream, say: it was \
                     inserted, or its kind was changed"
                )
            }
            Self::MissingRows { stream_id, batch_no, rows: 1, first_seq, first_created, last_created } => {
                write!(f, "row {first_seq} of stream {stream_id}, in batch {batch_no}, was removed or moved, ")?;
                within(f, *first_created, *last_created)
            }
            Self::MissingRows { stream_id, batch_no, rows, first_seq, first_created, last_created } => {
                write!(
                    f,
                    "{rows} rows of stream {stream_id}, in batch {batch_no}, from row {first_seq} on, were removed or \
                     moved, "
                )?;
                within(f, *first_created, *last_created)
            }
            Self::AlteredRows { stream_id, batch_no, rows: 1, first_created, last_created } => {
                write!(f, "the only row of batch {batch_no} of stream {stream_id} was changed, or its header, ")?;
                within(f, *first_created, *last_created)
            }
            Self::AlteredRows { stream_id, batch_no, rows, first_created, last_created } => {
                write!(f, "among the {rows} rows of batch {batch_no} of stream {stream_id} some were changed, ")?;
                within(f, *first_created, *last_created)
            }
            Self::DoubledRow { stream_id, seq } => {
                write!(f, "there is more than one row {seq} of stream {stream_id}: one was inserted")
            }
            Self::UnknownRow { id, created_at, stream_id, seq } => {
                write!(
                    f,
                    "no batch promises entry {id}, created {}, as row {seq} of stream {stream_id}: it was inserted, its \
                     time, stream or number was changed, or its batch was removed",
                    exact(*created_at)
                )
            }
            Self::OtherTime { id, created_at } => {
                write!(
                    f,
                    "recorded_at of entry {id}, created {}, is not the db_time of its batch: one of them was changed",
                    exact(*created_at)
                )
            }
            Self::UnprovableRow { id, created_at } => {
                write!(
                    f,
                    "the salt of entry {id}, created {}, was removed, or what stands for erased values added",
                    exact(*created_at)
                )
            }
            Self::PassedOver { stream_id, batch_no } => {
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id} is not in the tree, and later ones are: it was inserted"
                )
            }
            Self::AlteredHeader { stream_id, batch_no } => {
                write!(
                    f,
                    "the header of batch {batch_no} of stream {stream_id}, its signature or its db_time is not what was sealed: \
                     one of them was changed, or the tree was"
                )
            }
            Self::Unsigned { stream_id, batch_no } => {
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id} is not signed: whoever wrote it has none of the trusted keys, or \
                     its signature was removed"
                )
            }
            Self::UntrustedKey { stream_id, batch_no, key_id } => {
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id} is signed by the key {key_id}, which is not trusted, or was not any \
                     more when the database took it"
                )
            }
            Self::BadSignature { stream_id, batch_no, key_id } => {
                write!(
                    f,
                    "the signature of batch {batch_no} of stream {stream_id} is not one of the key {key_id}: the header was \
                     changed, or somebody without the key wrote it"
                )
            }
            Self::Backdated { id, created_at, writer_time } => {
                write!(
                    f,
                    "entry {id} says that it was created {}, long before its batch was frozen at {}: it was dated back",
                    exact(*created_at),
                    exact(*writer_time)
                )
            }
            Self::NeverSealed { stream_id, batch_no, db_time } => {
                write!(
                    f,
                    "batch {batch_no} of stream {stream_id}, which the database took at {}, is not in the tree, and batches that came \
                     an hour later are: it was kept from the sealers, or its db_time was changed",
                    exact(*db_time)
                )
            }
            Self::Misplaced { id, created_at } => {
                write!(
                    f,
                    "entry {id}, created {}, lies in a partition that is not for its time: whoever asks for that time does not see it",
                    exact(*created_at)
                )
            }
            Self::TwoFaced { table } => {
                write!(
                    f,
                    "{table} shows something else when it is read in another order: a policy, a view, an index or rows that cannot be \
                     there deceive whoever looks"
                )
            }
            Self::Disguised { table } => {
                write!(
                    f,
                    "{table} is a view, or a table with rules, policies, heirs, types, casts or defaults that are not of the log: it can \
                     show others something else than whoever verifies, or when its rows came"
                )
            }
            Self::UntoldErasure { id, created_at, fields } => {
                write!(
                    f,
                    "{fields} of entry {id}, created {}, was erased, and no entry audit.redacted tells of it",
                    exact(*created_at)
                )
            }
            Self::BrokenTree { leaf } => write!(f, "leaf {leaf} of the tree was removed, or its place changed"),
            Self::OtherTree { size, is_saved } => {
                let whose = if *is_saved { "your saved checkpoint" } else { "the checkpoint" };
                write!(
                    f,
                    "{whose} of {size} batches states another tree than the one that is there: the log was written anew, or \
                     leaves were changed, removed or reordered"
                )
            }
            Self::Truncated { size, leaves } => {
                write!(
                    f,
                    "a checkpoint states {size} batches, and the tree has {leaves}: the end of the log was cut off, or an older copy put \
                     in its place"
                )
            }
            Self::ForgedCheckpoint { size } => {
                write!(f, "no trusted key signed the checkpoint of {size} batches: it was forged or changed")
            }
            Self::AlteredCheckpoint { size } => {
                write!(
                    f,
                    "the tree that stands beside the checkpoint of {size} batches, for sealers to go on from, is not the one that it \
                     states: it was changed"
                )
            }
            Self::ForeignCheckpoint { size, origin } => {
                write!(f, "the checkpoint of {size} batches is one of another log, {origin}")
            }
            Self::NoCheckpoint { batches } => {
                write!(
                    f,
                    "no checkpoint of a trusted key covers any of the {batches} batches: they were removed, or `audit seal` \
                     has never run with such a key"
                )
            }
            Self::Unreadable { what } => write!(f, "{what}: no writer writes that"),
            Self::ForgedPruning { no, lower_bound, upper_bound } => {
                write!(
                    f,
                    "the record of pruning {no}, of rows created from {} until {}, is none that a trusted key signed, or it was \
                     changed, or the leaves that it kept: rows that are missing there were removed",
                    exact(*lower_bound),
                    exact(*upper_bound)
                )
            }
            Self::AlteredDeadLetter { stream_id, batch_no, idx } => {
                write!(f, "dead letter {stream_id}/{batch_no}/{idx} was changed or inserted")
            }
        }
    }
}

fn within(f: &mut fmt::Formatter<'_>, first: DateTime<Utc>, last: DateTime<Utc>) -> fmt::Result {
    if first == last {
        write!(f, "created {}", exact(first))
    } else {
        write!(f, "created from {} to {}", exact(first), exact(last))
    }
}

fn exact(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
