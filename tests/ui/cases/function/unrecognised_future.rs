use std::future::{Ready, ready};

use audit_core::{Outcome, audited};

type Boxed = std::pin::Pin<Box<dyn Future<Output = u32>>>;

#[audited(action = "project.updated", target_id = 1)]
fn named() -> Ready<u32> {
//~ Ready => this function returns a future, so its call would end before the work begins
    ready(1)
}

#[audited(action = "project.updated", target_id = 1)]
fn aliased() -> Boxed {
//~ Boxed => this function returns a future, so its call would end before the work begins
    Box::pin(ready(1))
}

// Where the outcome is said, the future is a value like any other.
#[audited(action = "project.updated", target_id = 1, outcome = |_| Outcome::Success)]
fn meant() -> Ready<u32> {
    ready(1)
}

fn main() {
    drop((named(), aliased(), meant()));
}
