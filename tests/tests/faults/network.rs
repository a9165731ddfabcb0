//! What lies between the program and its database.

use std::time::{Duration, Instant};

use tests::postgres::{Database, server};
use tests::proxy::{Direction, Manner, Proxy};

use crate::support::{Load, WRITERS, builder};

async fn behind_a_proxy() -> (Database<'static>, Proxy, Load) {
    in_batches_of(150).await
}

/// Up to a hundred rows land as one statement, more by COPY in a transaction of several.
async fn in_batches_of(rows: usize) -> (Database<'static>, Proxy, Load) {
    let database = server().database().await;
    let proxy = Proxy::before(database.server().port(), Manner::Pass);
    let load = Load::start(builder(&proxy.url(&database.url())).batch_rows(rows)).await;
    load.stores(200).await;
    (database, proxy, load)
}

/// Fault 4: the COMMIT reply is lost, again and again, of small batches and of large ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_reply_doubles_nothing() {
    let (database, proxy, load) = behind_a_proxy().await;
    proxy.all(Manner::LoseCommitReply);
    load.fails(30).await;
    load.stores(1_000).await;
    proxy.all(Manner::Pass);
    load.judged(&database.url()).await;
}

/// Fault 8: a connection goes silent, in one direction or both, and stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_silent_is_given_up_on() {
    let (database, proxy, load) = behind_a_proxy().await;
    for direction in [Direction::Both, Direction::ToServer, Direction::ToClient] {
        proxy.present(Manner::Silent(direction));
        load.fails(2).await;
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}

/// Fault 8: a connection goes silent in the middle of a batch, whose header its transaction holds for as long as the server
/// knows of no end. Nothing of the server's own ends it: it waits for more rows, and the network keeps the connection alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_batch_on_a_silent_connection_does_not_hold_up_the_whole() {
    let (database, proxy, load) = behind_a_proxy().await;
    proxy.future(Manner::FallSilentAfter(20_000));
    proxy.reset();
    let half_sent = format!("SELECT EXISTS (SELECT {WRITERS} AND query LIKE 'COPY%' AND wait_event = 'ClientRead')");
    while !database.value::<bool>(&half_sent).await {}
    load.fails(4).await;
    assert!(database.value::<bool>(&half_sent).await, "the server waits for the rest");
    proxy.future(Manner::Pass);
    load.stores(1_000).await;
    load.judged(&database.url()).await;
}

/// Fault 8: the whole network is gone for a while, and comes back with what it held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_that_comes_back_doubles_nothing() {
    // While replies are held back, each lane's statement commits.
    let (database, proxy, load) = in_batches_of(50).await;
    for direction in [Direction::ToClient, Direction::Both] {
        proxy.all(Manner::Silent(direction));
        load.fails(2).await;
        proxy.all(Manner::Pass);
        load.stores(200).await;
    }
    load.judged(&database.url()).await;
}

/// Fault 9: a byte a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_of_a_byte_a_second_holds_up_no_longer_than_the_store_may_take() {
    let (database, proxy, load) = behind_a_proxy().await;
    let began = Instant::now();
    proxy.present(Manner::Trickle(Duration::from_secs(1)));
    load.fails(2).await;
    // One second may the store take; the server itself would end such a session after half a minute.
    assert!(began.elapsed() < Duration::from_secs(15), "held up for {:?}", began.elapsed());
    load.stores(200).await;
    proxy.all(Manner::Trickle(Duration::from_secs(1)));
    load.fails(2).await;
    proxy.all(Manner::Pass);
    load.judged(&database.url()).await;
}

/// Resets and refusals, which every other fault of a network ends in sooner or later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_and_refused_connections_cost_nothing() {
    let (database, proxy, load) = behind_a_proxy().await;
    for _ in 0..10 {
        proxy.reset();
        load.stores(50).await;
    }
    proxy.future(Manner::Refuse);
    proxy.reset();
    load.fails(4).await;
    proxy.future(Manner::Pass);
    load.stores(200).await;
    load.judged(&database.url()).await;
}
