#![allow(unused_variables)]

use audit_core::audited;

struct Opaque;

#[audited(action = "project.auto_suspended", target_id = 1, metadata(reason = 7))]
//~ 7 => this metadata field is declared as `Option<String>` in the catalog, but `{integer}` was given
fn suspend() {}

#[audited(action = "project.auto_suspended", target_id = 1, metadata(hard_cap_exceeded))]
//~ hard_cap_exceeded => this metadata field is declared as `Option<bool>` in the catalog, but `Opaque` was given
async fn suspend_later(hard_cap_exceeded: Opaque) {}

#[audited(action = "user.role_changed", target_id = 1, metadata(old_role = None, new_role = ?None::<u8>))]
//~ None => this metadata field is declared as `String` in the catalog
fn change() {}

fn main() {
    change();
    suspend();
    drop(suspend_later(Opaque));
}
