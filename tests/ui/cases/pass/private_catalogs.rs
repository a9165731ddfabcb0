//! A catalog's variants are in use by their names, whether or not anybody makes one.

#![deny(warnings)]

mod audit {
    #[derive(audit_core::Catalog)]
    pub(super) enum Action {
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded { reason: String },
        #[audit(include)]
        Base(audit_core::AuditAction),
    }
}

use audit::audited;

#[derive(audit_core::Catalog)]
#[audit(attribute = "recorded")]
enum Private {
    #[audit(action = "invoice.paid", target = "invoice")]
    InvoicePaid { cents: i64, payer: Option<String> },
    #[audit(action = "invoice.sent", target = "invoice")]
    InvoiceSent,
}

#[audited(action = "project.created")]
fn create(project_id: u64) {}

#[recorded(action = "invoice.sent")]
fn send(invoice_id: u64) {}

fn main() {
    #[derive(audit_core::Catalog)]
    #[audit(attribute = "noted")]
    enum Inner {
        #[audit(action = "note.taken", target = "note")]
        NoteTaken { text: String },
    }

    #[noted(action = "note.taken", metadata(text = ""))]
    fn take(note_id: u64) {}

    create(1);
    send(1);
    take(1);
}
