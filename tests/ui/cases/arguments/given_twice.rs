use audit_core::audited;

#[audited(action = "project.updated", action = "project.created", target_id = 1)]
fn update() {}

fn main() {
    update();
}
