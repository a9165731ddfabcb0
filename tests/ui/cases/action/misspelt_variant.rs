use audit_core::{AuditAction, audited};

#[audited(action = AuditAction::ProjectCreatd, target_id = 1)]
fn create() {}

fn main() {
    create();
}
