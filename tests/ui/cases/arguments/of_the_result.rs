use audit_core::audited;

#[audited(action = "project.updated", target_id = 1, err = |error| error)]
//~ | => this function returns no error to look at
fn no_error() {}

#[audited(action = "project.updated", target_id = 1, err = "text")]
//~ "text" => write a closure over the error: `|error| EXPR`
fn no_closure() -> Result<(), String> {
    Ok(())
}

#[audited(action = "project.updated", target_id = 1, outcome = 5)]
//~ 5 => write a closure over the value: `|returned| EXPR`
fn no_closure_either() -> Result<(), String> {
    Ok(())
}

#[audited(action = "project.updated", target_id = 1, metadata(ret reason = |ok| ok))]
//~ reason => this function returns no value to look at
fn no_value() {}

fn main() {}
