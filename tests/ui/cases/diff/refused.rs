use audit_core::{Diff, diff};

struct Opaque;

#[derive(Diff)]
struct Unmarked {
    name: String,
    opaque: Opaque,
    //~ Opaque => mark a field `#[audit(secret)]` to show only that it changed
}

#[derive(Diff)]
struct Incomparable {
    #[audit(secret)]
    opaque: Opaque,
    //~ Opaque => write `#[audit(secret = |secret| EXPR)]`, where `EXPR` is what tells two of them apart
}

#[derive(Diff)]
struct Unserialisable {
    #[audit(serialize)]
    opaque: Opaque,
    //~ Opaque => `Opaque` cannot be compared by what it serialises to
}

#[derive(Debug)]
struct Underived {
    name: String,
}

fn main() {
    let (before, after) = (Underived { name: String::new() }, Underived { name: String::new() });
    diff(&before, &after);
    //~ diff => write `#[derive(audit_core::Diff)]` on a type of your own
}
