use audit_core::audited;

#[audited(action = "key.rotated", target = "secret", target_id = 1)]
//~ "secret" => action `key.rotated` is done to target `api_key`, not to `secret`
fn rotate() {}

// The one target of the action is the nearest name, too.
#[audited(action = "key.created", target = "api_kye", target_id = 1)]
//~ "api_kye" => action `key.created` is done to target `api_key`, not to `api_kye`
async fn create() {}

fn main() {
    drop(create());
    rotate();
}
