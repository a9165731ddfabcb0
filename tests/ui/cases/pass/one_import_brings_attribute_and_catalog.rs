#![deny(warnings, clippy::pedantic)]

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded { amount_cents: i64, reason: Option<String> },
        #[audit(include)]
        Base(audit_core::AuditAction),
    }
}

mod renamed {
    #[derive(audit_core::Catalog)]
    #[audit(attribute = "logged")]
    enum Action {
        #[audit(action = "a.b", target = "a")]
        B,
    }

    #[logged(action = "a.b", target_id = 1, metadata(anything = [1, 2]))]
    pub fn f() {}

    pub mod below {
        use super::logged as written;

        #[written(action = "a.b", target_id = 1)]
        pub fn f() {}
    }
}

mod own {
    use crate::audit::audited;

    #[audited(action = "invoice.refunded", target_id = id, metadata(amount_cents, reason = "late"))]
    pub fn refund(id: u64, amount_cents: i64) {}

    #[audited(action = "project.suspended", metadata(reason))]
    pub fn suspend(project_id: u64, reason: Option<&str>) {}
}

mod by_path {
    use audit_core::audited;

    #[crate::audit::audited(action = "invoice.refunded", target_id = 1, metadata(amount_cents = 5))]
    pub fn refund() {}

    #[audited(catalog = crate::audit::Action, action = "invoice.refunded", target_id = 1, metadata(amount_cents = 5))]
    pub fn refund_again() {}

    #[audited(action = crate::audit::Action::InvoiceRefunded, target_id = 1, metadata(amount_cents = 5))]
    pub fn refund_by_variant() {}

    #[audited(
        catalog = crate::audit::Action,
        action = audit_core::AuditAction::ProjectCreated,
        target_id = 1,
        metadata(changes = None)
    )]
    pub fn create_by_included_variant() {}

    #[audited(action = "project.created", target_id = 1)]
    pub fn create() {}
}

fn main() {
    fn inside() {
        use audit::audited;

        #[audited(action = "invoice.refunded", target_id = 1, metadata(amount_cents = 5))]
        fn refund() {}
        refund();
    }
    inside();
    own::refund(1, 2);
    own::suspend(1, None);
    by_path::refund();
    by_path::refund_again();
    by_path::refund_by_variant();
    by_path::create();
    by_path::create_by_included_variant();
    renamed::f();
    renamed::below::f();
}
