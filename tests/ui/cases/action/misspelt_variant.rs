use audit_core::{AuditAction, audited};

#[audited(action = AuditAction::ProjectCreatd, target_id = 1)]
//~ ProjectCreatd => no associated item named `ProjectCreatd` found for struct `catalog::builtin::_::Variants` in the current scope
fn create() {}

fn main() {
    create();
}
