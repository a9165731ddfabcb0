//! Entries in transactions.

use std::time::Duration;

use tests::proxy::Manner;
use tests::victim::{Acks, Contract};

use crate::scene::{Scene, start};

/// Fault 26: transactions commit and roll back under concurrent drainers, of which one after another is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_drained_once_and_what_is_rolled_back_never() {
    let scene = Scene::new().await;
    let mut orders = scene.orders();
    (orders.contract, orders.tasks) = (Contract::Tx, 4);
    let mut victims = vec![start(&orders), start(&orders)];
    for _ in 0..4 {
        victims.push(start(&orders));
        victims[0].acknowledges(60);
        victims.remove(0).kill();
    }
    // A COMMIT whose reply is lost has happened; a drainer must not do it again.
    scene.proxy.all(Manner::LoseCommitReply);
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.proxy.all(Manner::Pass);
    victims[0].acknowledges(60);
    assert!(!Acks::read(&orders.withdrawn()).is_empty());
    for victim in victims {
        victim.kill();
    }
    scene.judged().await;
}
