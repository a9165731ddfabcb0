#![allow(unused_variables)]

use audit_core::audited;

struct Project;

#[audited(action = "project.updated")]
async fn update(name: &str) -> Result<Project, String> {
    Ok(Project)
}

#[audited(action = "project.updated")]
fn rename(project: Project) {}

fn main() {
    drop(update(""));
    rename(Project);
}
