use audit_core::audited;

#[audited(action = "project.creatd", target_id = 1, metadata(changes = 1))]
fn create() {}

fn main() {
    create();
}
