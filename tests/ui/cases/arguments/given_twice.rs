use audit_core::audited;

#[audited(action = "project.updated", action = "project.created", target_id = 1)]
//~ action => the argument `action` is given twice
fn action() {}

#[audited(action = "project.updated", target_id = 1, on = "success", on = "failure", skip_if = true, skip_if = false)]
//~ on => the argument `on` is given twice
//~ skip_if => the argument `skip_if` is given twice
fn policies() {}

fn main() {}
