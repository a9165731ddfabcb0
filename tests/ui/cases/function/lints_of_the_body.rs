//! What the compiler finds in a function without the attribute, it finds with it, once.

#![deny(warnings)]

use std::pin::Pin;

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
fn unused(parameter: u32, _meant: u32) {}
//~ parameter => unused variable: `parameter`

#[audited(action = "project.updated", target_id = 1)]
async fn unused_later(parameter: u32, mut other: u32) -> u32 {
    //~ parameter => unused variable: `parameter`
    //~ mut other => variable does not need to be mutable
    other
}

#[audited(action = "project.updated", target_id = 1)]
fn unused_in_a_future(parameter: u32) -> impl Future<Output = ()> {
    //~ parameter => unused variable: `parameter`
    async {}
}

#[audited(action = "project.updated", target_id = 1)]
fn unused_in_a_boxed_future(parameter: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    //~ parameter => unused variable: `parameter`
    Box::pin(async {
        return 1;
        2
        //~ 2 => unreachable expression
    })
}

#[audited(action = "project.updated", target_id = 1)]
async fn ends_early() -> Result<u32, String> {
    let unused = 1;
    //~ unused => unused variable: `unused`
    return Ok(1);
    Ok(2)
    //~ Ok(2) => unreachable expression
}

fn main() {
    unused(1, 2);
    drop(unused_later(1, 2));
    drop(unused_in_a_future(1));
    drop(unused_in_a_boxed_future(1));
    drop(ends_early());
}
