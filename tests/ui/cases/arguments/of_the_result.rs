use audit_core::audited;

#[audited(action = "project.updated", target_id = 1, err = |error| error)]
fn no_error() {}

#[audited(action = "project.updated", target_id = 1, err = "text")]
fn no_closure() -> Result<(), String> {
    Ok(())
}

#[audited(action = "project.updated", target_id = 1, outcome = 5)]
fn no_closure_either() -> Result<(), String> {
    Ok(())
}

#[audited(action = "project.updated", target_id = 1, metadata(ret reason = |ok| ok))]
fn no_value() {}

fn main() {}
