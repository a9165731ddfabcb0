#![allow(unused_variables)]

use audit_core::audited;

struct Connection;

#[audited(action = "project.deleted", tx = tx)]
//~ tx => no audit entry can be written in `Connection`
async fn delete(tx: &mut Connection, project_id: u64) -> Result<(), audit_core::Error> {
    Ok(())
}

#[audited(action = "project.deleted", tx = txn)]
//~ txn => cannot find value `txn` in this scope
async fn delete_by_another_name(tx: &mut Connection, project_id: u64) -> Result<(), audit_core::Error> {
    Ok(())
}

fn main() {}
