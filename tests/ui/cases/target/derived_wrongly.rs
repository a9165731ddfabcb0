use audit_core::AuditTarget;

#[derive(AuditTarget)]
struct Nameless {
//~ Nameless => name a field `id`, or mark one with `#[audit(id)]`
    name: String,
}

#[derive(AuditTarget)]
struct Twice {
    #[audit(id)]
    name: String,
    #[audit(id)]
    //~ # => only one field is the id
    number: u64,
    #[audit(key)]
    //~ key => unknown argument; there is `id`
    key: u64,
}

#[derive(AuditTarget)]
enum Either {
//~ Either => implement `AuditTarget` by hand for a type that is no struct
    One,
}

struct Opaque;

#[derive(AuditTarget)]
struct Undisplayable {
    id: Opaque,
    //~ Opaque => `Opaque` has no text to record
}

fn main() {}
