#![allow(unused_variables)]

use audit_core::{OutboxTransaction, audited};

#[derive(Debug)]
struct Failed;

#[audited(action = "project.deleted", tx = tx)]
async fn delete(tx: &mut impl OutboxTransaction, project_id: u64) {}
//~ delete => `tx` may fail to write the entry, and this function could not say so

#[audited(action = "project.deleted", tx = tx)]
async fn delete_or_fail(tx: &mut impl OutboxTransaction, project_id: u64) -> Result<(), Failed> {
    //~ Result => is no `Result` whose error can be made from `audit_core::Error`
    Err(Failed)
}

fn main() {}
