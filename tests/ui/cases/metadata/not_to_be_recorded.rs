//! What does not serialise is refused, wherever it may be given.

#![allow(unused_variables)]

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "door.opened", target = "door")]
        Opened,
        #[audit(action = "door.counted", target = "door")]
        Counted { anything: serde_json::Value, maybe: Option<serde_json::Value> },
    }
}

use audit::audited;

struct Secret;

#[audited(action = "door.opened", target_id = 1, metadata(secret))]
//~ secret => `Secret` cannot be recorded: it does not implement `Serialize`
fn free_form(secret: Secret) {}

#[audited(action = "door.counted", target_id = 1, metadata(anything = secret, maybe = Secret))]
//~ secret => this metadata field is declared as `Value` in the catalog, but `&Secret` was given
//~ Secret => this metadata field is declared as `Option<Value>` in the catalog, but `Secret` was given
fn any_value(secret: &Secret) {}

#[audited(action = "door.opened", target_id = 1, metadata(ret secret = |ok| ok))]
//~ | => what does not serialise, such as a secret, does not enter the log
async fn returned() -> Result<Secret, String> {
    Ok(Secret)
}

#[audited(action = "door.opened", target_id = 1, metadata(%secret, again = ?secret))]
//~ secret => `Secret` cannot be recorded by `%`
//~ secret => `Secret` cannot be recorded by `?`
fn as_text(secret: Secret) {}

fn main() {}
