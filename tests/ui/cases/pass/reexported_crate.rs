#![deny(warnings)]

mod facade {
    pub use audit_core as audit;
}

mod audit {
    #[derive(crate::facade::audit::Catalog)]
    #[audit(crate = crate::facade::audit)]
    pub enum Action {
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded { amount_cents: i64 },
    }
}

#[crate::audit::audited(action = "invoice.refunded", metadata(amount_cents), crate = crate::facade::audit)]
async fn refund(invoice_id: u64, amount_cents: i64) -> Result<u64, std::fmt::Error> {
    Ok(invoice_id)
}

fn main() {
    drop(refund(1, 2));
}
