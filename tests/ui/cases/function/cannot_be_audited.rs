use audit_core::audited;
use std::pin::Pin;

#[audited(action = "project.updated", target_id = 1)]
const fn constant() {}

#[audited(action = "project.updated", target_id = 1)]
extern "C" fn foreign() {}

#[audited(action = "project.updated", target_id = 1)]
fn future() -> impl Future<Output = ()> {
    async {}
}

#[audited(action = "project.updated", target_id = 1)]
fn boxed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async {})
}

#[audited(action = "project.updated", target_id = 1)]
struct Project;

trait Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn declared(&self);
}

fn main() {}
