//! What changed between two values, without their secrets.

mod compare;
mod fields;
mod json;
mod secret;
mod values;

pub use compare::{Diff, diff, diff_serialized};
pub use fields::{nested, object, redacted, serialized, serialized_changes};
pub use json::leaf as change;
pub use secret::{Compared, SameByEq, SameBySecret, secret_changes, secret_changes_by};
