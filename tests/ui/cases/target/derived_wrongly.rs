use audit_core::AuditTarget;

#[derive(AuditTarget)]
struct Nameless {
    name: String,
}

#[derive(AuditTarget)]
struct Twice {
    #[audit(id)]
    name: String,
    #[audit(id)]
    number: u64,
    #[audit(key)]
    key: u64,
}

#[derive(AuditTarget)]
enum Either {
    One,
}

struct Opaque;

#[derive(AuditTarget)]
struct Undisplayable {
    id: Opaque,
}

fn main() {}
