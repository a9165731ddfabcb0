use audit_core::audited;

#[audited(action = "key.rotated", target = "secret", target_id = 1)]
//~ "secret" => action `key.rotated` is done to target `api_key`, not to `secret`
fn rotate() {}

fn main() {
    rotate();
}
