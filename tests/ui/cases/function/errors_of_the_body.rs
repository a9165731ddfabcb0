use audit_core::audited;

// The errors of the body are those of the function without the attribute.
#[audited(action = "project.updated", target_id = 1)]
fn number() -> i64 {
    "text"
}

#[audited(action = "project.updated", target_id = 1)]
async fn number_later() -> i64 {
    "text"
}

fn main() {
    number();
    drop(number_later());
}
