#![allow(unused_variables)]

use audit_core::audited;

#[audited(action = "user.removed", target_id = 1, metadata(reason, reason = "twice", ret organization = |ok| ok))]
//~ reason => the metadata field `reason` is given twice
//~ organization => this function returns no value to look at
fn remove(reason: &str) {}

fn main() {
    remove("");
}
