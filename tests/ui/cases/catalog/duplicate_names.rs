#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "invoice.refunded", target = "invoice")]
    InvoiceRefunded,
    #[audit(action = "invoice.paid", target = "invoice")]
    InvoicePaid,
    #[audit(action = "invoice.refunded", target = "invoice")]
    InvoiceRefundedAgain,
}

fn main() {}
