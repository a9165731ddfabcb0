#[derive(audit_core::Catalog)]
enum Action {
    Nothing,
    //~ Nothing => this variant needs `#[audit(action = "thing.done", target = "thing")]`
    #[audit(action = "invoice.refunded")]
    NoTarget,
    //~ NoTarget => this variant needs `#[audit(target = "thing")]`
    #[audit(acton = "invoice.paid", target = "invoice")]
    //~ acton => unknown argument `acton`; did you mean `action`?
    Misspelt,
    #[audit(action = "invoice.sent", target = "invoice")]
    Unnamed(i64),
    //~ (i64) => metadata fields have names: write `Variant { name: Type }`, or `#[audit(include)]` to embed a catalog
    #[audit(include)]
    Base,
    //~ Base => write the included catalog in parentheses: `Base(AuditAction)`
}

fn main() {}
