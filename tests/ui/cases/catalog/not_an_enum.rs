#[derive(audit_core::Catalog)]
struct Action {
//~ Action => a catalog is an enum with one variant for each action
    name: String,
}

fn main() {}
