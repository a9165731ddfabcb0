use audit_core::audited;

#[audited(action = "project.updated", target_id = missing, metadata(new_value, old_value = %gone))]
//~ missing => cannot find value `missing` in this scope
//~ new_value => cannot find value `new_value` in this scope
//~ gone => cannot find value `gone` in this scope
fn update() {}

#[audited(action = "project.updated", target_id = 1, outcome = nowhere)]
//~ nowhere => cannot find value `nowhere` in this scope
async fn update_later() {}

fn main() {}
