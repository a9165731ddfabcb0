#[derive(audit_core::Catalog)]
enum Middle {
    #[audit(action = "invoice.refunded", target = "invoice")]
    InvoiceRefunded,
    #[audit(include)]
    Base(audit_core::AuditAction),
}

mod audit {
    #[derive(audit_core::Catalog)]
    enum Action {
        #[audit(include)]
        Middle(super::Middle),
        //~ super => this catalog includes another one; include that one directly, beside this one, and take it out of this one
    }
}

fn main() {}
