//! A body that is not written to its end: the compiler reports that alone, and knows the function all the same.

use audit_core::audited;

struct Project {
    name: String,
}

#[audited(action = "project.updated", target_id = 1)]
fn after_a_dot(project: Project) -> Project {
    project.
}
//~ } => unexpected token: `}`

#[audited(action = "project.updated", target_id = 1)]
async fn after_a_path(project: Project) {
    let name = project.name.clone();
    String::
}
//~ } => expected identifier, found `}`

#[audited(action = "project.updated", target_id = 1)]
async fn after_an_operator(project: Project) -> bool {
    project.name == 
}
//~ } => expected expression, found `}`

fn main() {
    let project = || Project { name: String::new() };
    after_a_dot(project());
    drop((after_a_path(project()), after_an_operator(project())));
}
