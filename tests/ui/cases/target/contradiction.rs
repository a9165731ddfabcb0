use audit_core::audited;

#[audited(action = "key.rotated", target = "secret", target_id = 1)]
fn rotate() {}

fn main() {
    rotate();
}
