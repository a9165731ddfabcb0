//! The spans of the writer's own work: `docs/metrics.md` lists them. Without the feature `tracing` there are none.

use tracing::{Span, debug_span, field};

use crate::batch::Batch;

macro_rules! own_span {
    ($($span:tt)*) => {
        if cfg!(feature = "tracing") { debug_span!(parent: None, $($span)*) } else { Span::none() }
    };
}

/// A batch is brought to the store, however often that takes.
pub(crate) fn land(batch: &Batch) -> Span {
    let (header, entries) = (batch.header(), batch.rows().len());
    own_span!("audit.land", stream_id = %header.stream_id, batch_no = header.batch_no, entries)
}

/// A batch is written into the journal, and brought to the disk.
pub(crate) fn journal(batch: &Batch) -> Span {
    let (header, entries) = (batch.header(), batch.rows().len());
    own_span!("audit.journal", stream_id = %header.stream_id, batch_no = header.batch_no, entries)
}

/// New headers are put into the tree, if there are any; how many is recorded at the end.
pub(crate) fn seal() -> Span {
    own_span!("audit.seal", headers = field::Empty)
}
