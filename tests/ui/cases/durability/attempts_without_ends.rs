use audit_core::{Error, audited};

#[audited(action = "project.deleted", durability = "before", on = "success")]
//~ "success" => an attempt without an end is a finding
fn delete(project_id: u64) -> Result<(), Error> {
    Ok(())
}

fn main() {}
