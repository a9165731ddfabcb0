//! A function that is never called is reported as such, although its site is registered.

#![deny(warnings)]

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
fn dead() {}
//~ dead => function `dead` is never used

#[audited(action = "project.updated", target_id = 1)]
async fn dead_as_well(name: &str) -> String {
    //~ dead_as_well => function `dead_as_well` is never used
    called_by_the_dead(name)
}

fn called_by_the_dead(name: &str) -> String {
    //~ called_by_the_dead => function `called_by_the_dead` is never used
    name.to_owned()
}

fn main() {}
