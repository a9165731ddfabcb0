#[derive(audit_core::Catalog)]
struct Action {
    name: String,
}

fn main() {}
