use audit_core::audited;

const ACTION: &str = "project.created";

#[audited(action = ACTION, target_id = 1)]
fn create() {}

fn main() {
    create();
    drop(ACTION);
}
