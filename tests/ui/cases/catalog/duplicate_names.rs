#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "invoice.refunded", target = "invoice")]
    InvoiceRefunded,
    #[audit(action = "invoice.paid", target = "invoice")]
    InvoicePaid,
    #[audit(action = "invoice.refunded", target = "invoice")]
    //~ "invoice.refunded" => the action `invoice.refunded` is already declared by `InvoiceRefunded`
    InvoiceRefundedAgain,
}

fn main() {}
