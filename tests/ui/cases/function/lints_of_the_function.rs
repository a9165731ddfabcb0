//! What the compiler finds about a function without the attribute, it finds with it, once.

#![deny(warnings)]

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
fn WrongCase() {}
//~ WrongCase => function `WrongCase` should have a snake case name

#[must_use]
#[audited(action = "project.updated", target_id = 1)]
fn needed() -> u32 {
    1
}

#[deprecated]
#[audited(action = "project.updated", target_id = 1)]
fn outdated() {}

fn main() {
    WrongCase();
    needed();
    //~ needed() => unused return value of `needed` that must be used
    outdated();
    //~ outdated => use of deprecated function `outdated`
}
