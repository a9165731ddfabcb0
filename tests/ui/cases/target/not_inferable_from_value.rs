#![allow(unused_variables)]

use audit_core::audited;

struct Project;

#[audited(action = "project.updated")]
//~ "project.updated" => no target id can be inferred for this audited function
async fn update(name: &str) -> Result<Project, String> {
    Ok(Project)
}

#[audited(action = "project.updated")]
fn rename(project: Project) {}
//~ project => no target id can be inferred for this audited function

fn main() {
    drop(update(""));
    rename(Project);
}
