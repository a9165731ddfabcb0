use audit_core::audited;

const ACTION: &str = "project.created";

#[audited(action = ACTION, target_id = 1)]
//~ ACTION => an action is a string literal such as `"project.created"`, or a catalog's variant such as `Action::ProjectCreated`
fn create() {}

fn main() {
    create();
    drop(ACTION);
}
