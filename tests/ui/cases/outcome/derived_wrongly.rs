use audit_core::AuditOutcome;

#[derive(AuditOutcome)]
enum Error {
    #[audit(refused)]
    //~ refused => unknown mark; there are `denied`, `failure`, `success` and `transparent`
    Refused,
    #[audit(denied, failure)]
    //~ failure => one mark says how the call ended
    Twice,
    #[audit(transparent)]
    //~ transparent => `transparent` stands on one field, whose outcome it is
    Pair(u8, u8),
}

#[derive(AuditOutcome)]
#[audit(denied)]
//~ denied => mark the variants instead
enum Marked {
    One,
}

#[derive(AuditOutcome)]
#[audit(transparent)]
struct Number(u8);
//~ u8 => nobody can tell from `u8` how the call ended

fn main() {}
