//! What changed between two values, without their secrets.

mod compare;
mod fields;
mod json;
mod recorded;
mod secret;
mod values;

pub use compare::{Diff, diff, diff_serialized};
pub use fields::{nested, object, redacted, serialized_changes};
pub use json::leaf as change;
pub use recorded::{NotRecorded, Recorded, RecordedByDiff, RecordedBySerialize};
pub use secret::{Compared, SameByEq, SameBySecret, secret_changes, secret_changes_by};
