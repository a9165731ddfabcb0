#[derive(audit_core::Catalog)]
enum Action {
    Nothing,
    #[audit(action = "invoice.refunded")]
    NoTarget,
    #[audit(acton = "invoice.paid", target = "invoice")]
    Misspelt,
    #[audit(action = "invoice.sent", target = "invoice")]
    Unnamed(i64),
    #[audit(include)]
    Base,
}

fn main() {}
