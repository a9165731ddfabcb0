//! Headers, in the order of their streams.

use uuid::Uuid;

use super::scope::Scope;
use super::{Break, Report};
use crate::batch::{Hash, Header, HeaderKind, UNKNOWN};
use crate::encoding;

/// Follows streams from header to header.
#[derive(Debug, Default)]
pub(super) struct Chain {
    before: Option<Link>,
}

/// What a header says of its successor.
#[derive(Debug)]
struct Link {
    stream_id: Uuid,
    batch_no: i64,
    /// Nothing behind a lost header whose hash nobody knew.
    prev_hash: Option<Hash>,
    first_seq: i64,
    /// Behind a lost header of which nobody knows how many rows it had, numbers may be left out.
    may_leave_out: bool,
    /// Whether it says that it has none.
    is_last: bool,
}

impl Link {
    const fn first(stream_id: Uuid) -> Self {
        Self { stream_id, batch_no: 0, prev_hash: Some([0; 32]), first_seq: 0, may_leave_out: false, is_last: false }
    }

    fn behind(header: &Header) -> Self {
        let is_lost = header.kind == HeaderKind::Lost;
        let prev_hash = if is_lost { header.rows_root } else { encoding::header_hash(header) };
        Self {
            stream_id: header.stream_id,
            batch_no: header.batch_no.saturating_add(1),
            prev_hash: Some(prev_hash).filter(|hash| !is_lost || *hash != UNKNOWN),
            first_seq: header.first_seq.saturating_add(header.n.into()),
            may_leave_out: is_lost && (header.n == 0 || prev_hash == UNKNOWN),
            is_last: header.kind == HeaderKind::Close,
        }
    }
}

impl Chain {
    /// Looks at the next header, by stream and number.
    pub(super) fn take(&mut self, header: &Header, scope: &Scope, report: &mut Report) {
        let Header { stream_id, batch_no, .. } = *header;
        let before = self.before.take().filter(|link| link.stream_id == stream_id);
        if before.is_none() {
            report.streams += 1;
        }
        let link = before.unwrap_or(Link::first(stream_id));
        report.batches += 1;
        if header.kind == HeaderKind::Lost {
            report.lost_batches += 1;
        } else if scope.covers(header) {
            report.promised += u64::from(header.n.unsigned_abs());
        }
        if batch_no != link.batch_no {
            report.add(Break::MissingBatches { stream_id, first: link.batch_no, last: batch_no.saturating_sub(1) });
        } else if link.prev_hash.is_some_and(|hash| hash != header.prev_hash) {
            report.add(Break::BrokenChain { stream_id, batch_no });
        } else if header.first_seq != link.first_seq && !(link.may_leave_out && header.first_seq > link.first_seq) {
            report.add(Break::BrokenNumbers { stream_id, batch_no });
        } else if link.is_last || !is_in_place(header) {
            report.add(Break::OutOfPlace { stream_id, batch_no });
        }
        self.before = Some(Link::behind(header));
    }
}

/// Whether a header that tells of its stream alone stands where it may, and has no rows.
fn is_in_place(header: &Header) -> bool {
    let may_open = header.kind != HeaderKind::Open || header.batch_no == 0;
    may_open && (!header.kind.is_bare() || header.n == 0)
}
