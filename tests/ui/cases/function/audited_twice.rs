use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
#[inline]
#[audited(action = "project.deleted", target_id = 1)]
fn update() {}

fn main() {
    update();
}
