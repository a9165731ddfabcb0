use audit_core::audited;

struct Opaque;

#[audited(action = "project.updated", target_id = 1, skip_if = 1)]
//~ 1 => mismatched types
fn no_condition() {}

#[audited(action = "project.updated", target_id = 1, outcome = |_| "denied")]
//~ "denied" => mismatched types
fn no_outcome() {}

#[audited(action = "project.updated", target_id = Opaque)]
//~ Opaque => `Opaque` has no text to record
fn no_text() {}

#[audited(action = "project.updated", target_id = 1, err = |_| Some(Opaque))]
//~ | => `Opaque` has no text to record
async fn no_text_of_the_error() -> Result<(), String> {
    Ok(())
}

#[audited(action = "project.updated", target_id = 1, actor = 7)]
//~ 7 => `{integer}` is not an actor
fn no_actor() {}

fn main() {
    no_condition();
    no_outcome();
    no_text();
    drop(no_text_of_the_error());
    no_actor();
}
