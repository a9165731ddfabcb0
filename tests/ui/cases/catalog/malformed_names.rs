#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "Invoice.refunded", target = "invoice")]
    UpperCase,
    #[audit(action = "invoice", target = "invoice")]
    OneWord,
    #[audit(action = "invoice..refunded", target = "invoice")]
    EmptyWord,
    #[audit(action = "invoice.refunded", target = "in voice")]
    Target,
    #[audit(action = "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", target = "a")]
    TooLong,
}

fn main() {}
