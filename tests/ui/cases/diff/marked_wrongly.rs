use audit_core::Diff;

#[derive(Diff)]
struct Account {
    #[audit(secrt)]
    //~ secrt => unknown argument `secrt`; did you mean `secret`?
    password: String,
    #[audit(secret, skip)]
    //~ skip => a field is compared in one way only
    token: String,
    #[audit(hidden)]
    //~ hidden => unknown argument `hidden`; there are secret, serialize, skip
    name: String,
}

#[derive(Diff)]
#[audit(secret)]
//~ secret => unknown argument; on the type, there is `crate`
struct Whole {
    name: String,
}

#[derive(Diff)]
union Either {
//~ Either => a union does not say which of its fields to compare
    one: u8,
    other: i8,
}

fn main() {}
