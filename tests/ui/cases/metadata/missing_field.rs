#![allow(unused_variables)]

use audit_core::audited;

#[audited(action = "user.role_changed", target_id = 1, metadata(old_role))]
//~ "user.role_changed" => action `user.role_changed` needs metadata `new_role: String`; write `metadata(new_role = …)`
fn change(old_role: &str, new_role: &str) {}

fn main() {
    change("", "");
}
