#![allow(unused_variables)]

use audit_core::audited;

struct Connection;

#[audited(action = "project.deleted", tx = tx)]
//~ tx => `tx` writes the entry after the body has ended, which only an `async fn` can wait for
fn delete(tx: &mut Connection, project_id: u64) -> Result<(), audit_core::Error> {
    Ok(())
}

#[audited(action = "project.deleted", tx = tx)]
//~ tx => `tx` writes the entry after the body has ended, which only an `async fn` can wait for
fn delete_later(tx: &mut Connection, project_id: u64) -> impl Future<Output = Result<(), audit_core::Error>> {
    std::future::ready(Ok(()))
}

#[audited(action = "project.deleted", tx = &mut *tx, durability = "durable")]
//~ & => Take `durability` away, or `tx`
async fn delete_durably(tx: &mut Connection, project_id: u64) -> Result<(), audit_core::Error> {
    Ok(())
}

#[audited(action = "project.deleted", tx = tx, on = "failure")]
//~ tx => `on = "failure"` leaves out
async fn delete_or_tell(tx: &mut Connection, project_id: u64) -> Result<(), audit_core::Error> {
    Ok(())
}

#[audited(action = "project.deleted", tx = tx)]
//~ tx => this function never returns
async fn delete_for_ever(tx: &mut Connection, project_id: u64) -> ! {
    loop {}
}

fn main() {}
