use audit_core::audited;

#[audited(action = "billing.run_started", target = "invoice", target_id = 1)]
//~ "billing.run_started" => unknown audit action `billing.run_started`
async fn run() {}

fn main() {
    drop(run());
}
