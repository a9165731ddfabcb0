//! A body that is not the future it should be is reported once, on the return type, as without the attribute.

use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
fn no_future() -> impl Future<Output = u32> {
    //~ impl Future<Output = u32> => is not a future
    5
}

#[audited(action = "project.updated", target_id = 1)]
fn of_something_else() -> impl Future<Output = u32> {
    //~ impl Future<Output = u32> => expected `u32`, found `&str`
    async { "x" }
}

fn main() {}
