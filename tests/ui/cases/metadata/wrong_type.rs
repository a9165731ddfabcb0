#![allow(unused_variables)]

use audit_core::audited;

struct Opaque;

#[audited(action = "project.auto_suspended", target_id = 1, metadata(reason = 7))]
fn suspend() {}

#[audited(action = "project.auto_suspended", target_id = 1, metadata(hard_cap_exceeded))]
async fn suspend_later(hard_cap_exceeded: Opaque) {}

fn main() {
    suspend();
    drop(suspend_later(Opaque));
}
