mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded,
    }
}

use audit_core::audited;

// The attribute's own path decides, not the catalog that happens to be in scope.
#[crate::audit::audited(action = "project.created", target_id = 1)]
//~ "project.created" => unknown audit action `project.created`
fn create() {}

#[audited(action = "invoice.refunded", target_id = 1)]
//~ "invoice.refunded" => unknown audit action `invoice.refunded`
fn refund() {}

fn main() {
    create();
    refund();
}
