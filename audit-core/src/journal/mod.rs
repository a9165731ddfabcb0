//! Local disk where frozen batches wait while the store cannot take them.
//!
//! A batch is in the journal once its bytes are on the disk (`fdatasync`), and leaves it only after the store has committed
//! it, in the order of its stream. That a batch was stored is not written down: landing is idempotent, so a segment file is
//! removed when all of its batches are stored, and after a crash what is left is simply sent again.
//!
//! # Files
//!
//! Each process start has a directory of its own, named by a UUIDv7, with a file `lock` that it holds locked while it lives.
//! Another process that gets the lock knows that the owner is dead, lands what it left, and removes the directory.
//!
//! ```text
//! DIR/<writer id>/lock
//! DIR/<writer id>/<stream id>-<number>.journal      frames of a stream, those of higher numbers later
//! DIR/<writer id>/<stream id>-<batch_no>.moved      from this batch on, the stream's batches belong elsewhere
//! DIR/<writer id>/<stream id>-<batch_no>.refrozen   takes the place of one batch; a segment of one frame, which goes after the batch's own
//! DIR/<writer id>-<stream id>-<number>-<offset>.damaged     bytes that were found damaged at an offset of a segment
//! ```
//!
//! Directories have mode 0700, files 0600. Segments hold about 8 MiB each.
//!
//! # Format, version 1
//!
//! Integers are big-endian, times are µs since 1970 as `i64`, checksums CRC32C over all bytes before them in their part.
//! A segment begins with where its stream stands before the first batch:
//!
//! ```text
//! "AUDITJNL", version u32, stream_id 16 bytes, batch_no i64, first_seq i64, prev_hash 32 bytes, writer_time i64, checksum u32
//! ```
//!
//! Of every version, these have the same size and checksum, so that a segment of a later program is known as such, and left to it.
//!
//! Then frames follow. The head tells enough of the batch to know what is lost when the payload is damaged; having a checksum
//! of its own, it also says for sure where the next frame begins. After a damaged head the next one is found by its magic and its
//! checksum; nothing that a caller wrote can look like it, because the magic is no UTF-8:
//!
//! ```text
//! FF 41 4A FE, bytes of payload u32, batch_no i64, first_seq i64, n u32, writer_time i64, header_hash 32 bytes, checksum u32
//! payload
//! checksum u32
//! ```
//!
//! The payload is the length of a JSON text (`u32`) and the text, compressed as an LZ4 block. It is an object with the header's columns and `rows`, each of them an object with the columns of `audit_logs`
//! that are not NULL, `salt` written as UUIDs are, times in µs, and without what follows from the rest (`stream_id`, `seq`,
//! `n`, leaves, `rows_root`). These are computed anew, and a frame is whole only if the header's hash comes out as its head says.
//!
//! # How it fails
//!
//! *A write or an `fdatasync` fails*: nobody is told that the batch is safe, the file is never written again, and the batch
//! goes to a new file. *The disk or the limit is full*: batches wait in memory until there is room. *The last frame is
//! torn*: it is ignored, since nobody was told of it. *A frame is damaged*: its bytes are kept aside, a header of the kind
//! `lost` takes its place in the stream, an `audit.gap` entry tells of it, and everything else survives. That entry is a batch
//! by itself, in a stream whose id is the first 16 bytes of SHA-256("audit-gap-v1" ‖ stream id ‖ number of the batch as `i64`), made a
//! UUID of version 8: whoever finds the loss again finds it told.

mod abandoned;
mod backlog;
mod disk;
mod error;
mod frame;
mod inspect;
#[expect(clippy::module_inception, reason = "the journal itself is one of the concepts here")]
mod journal;
mod moves;
mod name;
mod record;
mod replay;
mod replayed;
mod segment;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use abandoned::{Abandoned, Remains, others};
pub(crate) use backlog::Backlog;
pub use error::JournalError;
pub use inspect::{Inspection, WriterJournal, inspect};
pub(crate) use journal::Journal;
pub(crate) use moves::Moves;
pub(crate) use replay::{Lost, Step};
pub use replayed::{Replayed, replay};
pub use status::JournalStatus;
