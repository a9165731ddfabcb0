use audit_core::{AuditAction, audited};

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded,
        #[audit(include)]
        Base(audit_core::AuditAction),
    }
}

#[audited(action = AuditAction::ProjectCreatd, target_id = 1, metadata(changes = 1))]
//~ ProjectCreatd => no variant named `ProjectCreatd` found for enum `AuditAction`
fn create() {}

#[audited(action = audit::Action::Base, target_id = 1)]
//~ Base => this variant embeds another catalog: name a variant of that one
fn embedded() {}

#[audited(action = audit::Action::ProjectCreated, target_id = 1)]
//~ ProjectCreated => no variant named `ProjectCreated` found for enum
async fn of_the_embedded() {}

#[audited(action = Unknown::ProjectCreated, target_id = 1)]
//~ Unknown => cannot find type `Unknown` in this scope
fn of_nothing() {}

fn main() {}
