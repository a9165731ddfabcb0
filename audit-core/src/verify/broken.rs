//! What is not as it was frozen.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::batch::Header;

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
    pub(super) fn altered(header: &Header) -> Self {
        Self::AlteredRows {
            stream_id: header.stream_id,
            batch_no: header.batch_no,
            rows: header.n,
            first_created: header.first_created,
            last_created: header.last_created,
        }
    }

    /// When the entries concerned were created, the last moment included, where that is known.
    #[must_use]
    pub const fn span(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match self {
            Self::MissingRows { first_created, last_created, .. }
            | Self::AlteredRows { first_created, last_created, .. } => Some((*first_created, *last_created)),
            Self::UnknownRow { created_at, .. }
            | Self::OtherTime { created_at, .. }
            | Self::UnprovableRow { created_at, .. } => Some((*created_at, *created_at)),
            Self::MissingBatches { .. }
            | Self::BrokenChain { .. }
            | Self::BrokenNumbers { .. }
            | Self::DoubledRow { .. }
            | Self::Unreadable { .. }
            | Self::AlteredDeadLetter { .. } => None,
        }
    }
}

impl fmt::Display for Break {
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
                let before = batch_no - 1;
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
            Self::Unreadable { what } => write!(f, "{what}: no writer writes that"),
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
