//! Several mistakes are all reported in one compile, each once, and so is the body's own.

#![allow(unused_variables)]

use audit_core::audited;

struct Opaque;

#[audited(
    action = "user.role_changed",
    //~ "user.role_changed" => action `user.role_changed` needs metadata `new_role: String`
    target = "project",
    //~ "project" => action `user.role_changed` is done to target `user`, not to `project`
    target_id = Opaque,
    //~ Opaque => `Opaque` has no text to record
    actor = 7,
    //~ 7 => `{integer}` is not an actor
    skip_if = "never",
    //~ "never" => mismatched types
    outcome = |result| result.code(),
    //~ code => no method named `code` found for reference `&Result<u8, String>` in the current scope
    err = |error| error.code(),
    //~ code => no method named `code` found for reference `&String` in the current scope
    metadata(old_role = 5)
    //~ 5 => this metadata field is declared as `String` in the catalog, but `{integer}` was given
)]
fn change(n: u8) -> Result<u8, String> {
    Ok("text")
    //~ "text" => mismatched types
}

#[audited(action = "project.updated", target_id = |ok| ok.missing, err = |error: &str| error)]
//~ missing => no field `missing` on type `&Opaque`
//~ | => type mismatch in closure arguments
async fn update() -> Result<Opaque, u8> {
    Ok(Opaque)
}

#[audited(action = "project.updated", target_id = |a, b| a)]
//~ | => closure is expected to take 1 argument, but it takes 2 arguments
fn two_values() -> u8 {
    1
}

fn main() {}
