#![allow(unused_variables)]

use audit_core::audited;

#[audited(action = "project.updated")]
//~ "project.updated" => no target id can be inferred: write `target_id = EXPR`, name an argument `project_id`, or name an argument `project` (or return a value) whose type implements `AuditTarget`
fn update(name: &str) {}

fn main() {
    update("");
}
