#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "Invoice.refunded", target = "invoice")]
    //~ "Invoice.refunded" => an action name is lower-case words joined by dots, at least two, such as `project.created`
    UpperCase,
    #[audit(action = "invoice", target = "invoice")]
    //~ "invoice" => an action name is lower-case words joined by dots, at least two, such as `project.created`
    OneWord,
    #[audit(action = "invoice..refunded", target = "invoice")]
    //~ "invoice..refunded" => an action name is lower-case words joined by dots, at least two, such as `project.created`
    EmptyWord,
    #[audit(action = "invoice.refunded", target = "in voice")]
    //~ "in voice" => a target type is one lower-case word such as `api_key`
    Target,
    #[audit(action = "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", target = "a")]
    //~ "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" => this action name has 131 bytes: at most 128 are allowed
    TooLong,
}

fn main() {}
