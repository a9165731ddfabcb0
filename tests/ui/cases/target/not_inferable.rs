#![allow(unused_variables)]

use audit_core::audited;

#[audited(action = "project.updated")]
fn update(name: &str) {}

fn main() {
    update("");
}
