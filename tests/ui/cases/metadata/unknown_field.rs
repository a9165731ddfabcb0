use audit_core::audited;

#[audited(action = "project.suspended", target_id = 1, metadata(reson = "unpaid"))]
fn suspend() {}

#[audited(action = "project.suspended", target_id = 1, metadata(colour = "red"))]
fn paint() {}

fn main() {
    suspend();
    paint();
}
