//! The mistakes on which `tracing` tests its own attribute: each is reported where it would be without ours.

use std::fmt::Display;

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
async fn unit() {
    ""
    //~ "" => mismatched types
}

#[audited(action = "project.updated", target_id = 1)]
async fn opaque() -> impl Display {
    //~ { => `Opaque` doesn't implement `std::fmt::Display`
    //~ impl Display => `Opaque` doesn't implement `std::fmt::Display`
    Opaque
}

struct Opaque;

struct Wrapper<T>(T);

#[audited(action = "project.updated", target_id = 1)]
async fn wrapped() -> Wrapper<impl Display> {
    ""
    //~ "" => mismatched types
}

#[audited(action = "project.updated", target_id = 1)]
async fn early_unit() {
    if true {
        return "";
        //~ "" => mismatched types
    }
}

#[audited(action = "project.updated", target_id = 1)]
async fn early() -> String {
    if true {
        return "";
        //~ "" => mismatched types
    }
    String::new()
}

#[audited(action = "project.updated", target_id = 1)]
async fn extra_semicolon() -> i32 {
    //~ { => mismatched types
    1;
}

fn main() {}
