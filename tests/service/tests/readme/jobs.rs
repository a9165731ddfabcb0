use audit_core::context::{self, InContext};
use audit_core::{Context, audited};

#[audited(action = "key.revoked")]
async fn revoke(key_id: u64) {}

fn sign_out() {
    tokio::spawn(revoke(7).in_audit_context()); // the same: context::spawn(revoke(7))
}

async fn nightly_sweep() {
    context::scope(Context::system("nightly-sweep"), revoke(8)).await;
}
