use audit_core::audited;

#[audited(action = "project.updated", target_id = 1)]
const fn constant() {}

#[audited(action = "project.updated", target_id = 1)]
extern "C" fn foreign() {}

#[audited(action = "project.updated", target_id = 1)]
struct Project;

trait Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn declared(&self);
}

fn main() {}
