use audit_core::audited;

#[audited(action = "billing.run_started", target = "invoice", target_id = 1)]
async fn run() {}

fn main() {
    drop(run());
}
