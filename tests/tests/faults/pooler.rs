//! What happens behind `PgBouncer` in transaction mode.

use audit_core::doctor::{self, Finding, Level};
use audit_core::migrate::Options;
use tests::oracle::Log;
use tests::postgres::{Durability, Pooler, Server, server};

use crate::support::{Load, SOON, builder, entry_about, until};

/// More writers' connections than sessions, each transaction in another; then the server is killed, and then the pooler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_kills_cost_nothing() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let pooler = Pooler::before(&server, 3);
    // The log is migrated through the pooler, too.
    let load = Load::start(builder(&pooler.url(&database.url())).pooler(true).lanes(6)).await;
    load.stores(1_000).await;
    assert_eq!(load.stats().retries, 0, "{:?}", load.stats());
    for _ in 0..2 {
        server.kill();
        load.fails(2).await;
        server.start_again();
        load.stores(500).await;
        pooler.kill();
        load.fails(2).await;
        pooler.start_again();
        load.stores(500).await;
    }
    load.judged(&database.url()).await;
}

/// Entries that commit with transactions are drained through the pooler, once, and the doctor can look at all there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_the_outbox_is_drained() {
    let database = server().database().await;
    let pooler = Pooler::before(server(), 2);
    let url = pooler.url(&database.url());
    let mut drainers = Vec::new();
    for _ in 0..3 {
        drainers.push(builder(&url).pooler(true).outbox_notify(true).start().await.expect("the writer starts"));
    }
    let mut connection = database.connect().await;
    let mut acknowledged = std::collections::HashSet::new();
    for _ in 0..200 {
        let mut transaction = sqlx::Connection::begin(&mut connection).await.expect("the server is there");
        let id = audit_core::outbox(&mut transaction, entry_about("door_7")).await.expect("it takes entries");
        transaction.commit().await.expect("it commits");
        acknowledged.insert(id);
    }
    until("all drained", || drainers.iter().map(|drainer| drainer.stats().drained).sum::<u64>() == 200).await;
    let findings = doctor::examine(&url, &Options::new()).await;
    let looked = |finding: &Finding| finding.level != Level::Red && !finding.message.starts_with("cannot examine");
    assert!(findings.iter().all(looked), "{findings:#?}");
    let mut stats = Vec::new();
    for drainer in drainers {
        stats.push(drainer.shutdown(SOON).await.stats);
    }
    Log::read(&database.url()).await.judge(&acknowledged).with_accounts(&stats).assert_good_and_none_refused();
}
