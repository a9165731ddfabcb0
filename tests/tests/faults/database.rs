//! What happens to the database.

use audit_core::WaitForStore;
use tests::disk::Disk;
use tests::postgres::{Durability, Server, server};

use crate::support::{Load, WRITERS, builder, loaded, until};

/// Fault 5: a server process dies by SIGKILL, and with it, as PostgreSQL does it, every session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_backend_costs_nothing() {
    let server = Server::start(Durability::Off);
    let (database, load) = loaded(&server).await;
    for _ in 0..3 {
        let pid: i32 = database.value(&format!("SELECT pid {WRITERS} LIMIT 1")).await;
        server.signal(pid, "KILL");
        load.fails(1).await;
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}

/// Fault 6: an immediate stop, without a checkpoint, and a SIGKILL of the postmaster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immediate_stop_of_the_server_costs_nothing() {
    let server = Server::start(Durability::Off);
    let (database, load) = loaded(&server).await;
    for stop in [Server::stop, Server::kill, Server::stop] {
        stop(&server);
        load.fails(2).await;
        server.start_again();
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}

/// Fault 7: sessions are ended in a loop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_sessions_cost_nothing() {
    let (database, load) = loaded(server()).await;
    for _ in 0..40 {
        database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
    }
    assert!(load.stats().retries > 0);
    load.stores(200).await;
    load.judged(&database.url()).await;
}

/// Fault 10: the database is absent at the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_absent_at_the_start_gets_everything_later() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    server.stop();
    let load = Load::start(builder(&database.url()).wait_for_store(WaitForStore::No)).await;
    until("entries that wait", || load.stats().waiting > 100).await;
    server.start_again();
    load.stores(500).await;
    load.judged(&database.url()).await;
}

/// Fault 11: the database's disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_disk_holds_entries_until_there_is_room() {
    hold_until_there_is_room(&Disk::of_megabytes(64)).await;
}

/// Fault 11, by `LD_PRELOAD`, as the faults at random have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_disk_that_takes_no_more_holds_entries_until_it_does() {
    hold_until_there_is_room(&Disk::by_preload()).await;
}

async fn hold_until_there_is_room(disk: &Disk) {
    let server = Server::start_under(Durability::Off, disk.faults());
    let database = server.database_in_folder(disk.path()).await;
    let load = Load::start(builder(&database.url())).await;
    load.stores(200).await;
    disk.fill();
    load.fails_with("SQLSTATE 53100").await;
    disk.free();
    load.stores(200).await;
    load.judged(&database.url()).await;
}
