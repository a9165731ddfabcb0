//! What happens to the application: it is killed, ended, cloned; its clock steps.

use std::time::{Duration, Instant};

use tests::disk::quick_folder;
use tests::oracle::Log;
use tests::preload::Faults;
use tests::proxy::{Direction, Manner};
use tests::recovery::recover;
use tests::victim::{Acks, Contract, Ended, Victim};

use crate::scene::{Scene, program, start};
use crate::support::SOON;

/// Fault 1: kill -9 with a full queue, again and again, under each contract that promises something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_keeps_what_it_acknowledged() {
    let scene = Scene::new().await;
    for (round, contract) in [Contract::Durable, Contract::Before, Contract::Durable].into_iter().enumerate() {
        let mut orders = scene.orders();
        (orders.contract, orders.tasks, orders.queue) = (contract, 64, 16);
        let victim = start(&orders);
        victim.acknowledges(300);
        if round == 2 {
            // Nothing leaves the queue but for the journal.
            scene.cut();
            victim.acknowledges(300);
        }
        victim.kill();
        scene.proxy.all(Manner::Pass);
    }
    scene.judged().await;
}

/// Fault 1: of entries that were only queued, a kill takes none that is older than `spill_after`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_keeps_what_was_queued_longer_than_it_may_be_in_memory_alone() {
    let scene = Scene::new().await;
    let journal = quick_folder();
    let mut orders = scene.orders();
    orders.journal = Some(journal.path().to_owned());
    (orders.contract, orders.tasks, orders.queue) = (Contract::Queued, 2, 200);
    let victim = start(&orders);
    victim.acknowledges(500);
    scene.proxy.all(Manner::Silent(Direction::Both));
    victim.acknowledges(500);
    let older = Acks::read(&orders.acks);
    // There is room for 200 in the queue, and a lane takes more once what it held is in the journal: what is older than
    // thousands has long been waiting for nothing but that.
    victim.acknowledges(5_000);
    victim.kill();
    scene.proxy.all(Manner::Pass);
    recover(&scene.database.url(), journal.path()).await;
    Log::read(&scene.database.url()).await.judge(&older).assert_good_and_none_refused();
}

/// Fault 2: kill -9 when entries are in the journal and not in the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_journal_has_survives_a_kill() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        let victim = start(&scene.orders());
        victim.acknowledges(100);
        scene.cut();
        let acknowledged = victim.acknowledged();
        victim.acknowledges(500);
        let stored = scene.rows().await;
        assert!(stored < acknowledged as u64 + 500, "nothing is in the journal alone");
        victim.kill();
        scene.proxy.all(Manner::Pass);
    }
    scene.judged().await;
}

/// Fault 3: kill -9 after the store has committed journaled batches, and before the journal forgets them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_has_and_the_journal_too_is_stored_once() {
    let scene = Scene::new().await;
    scene.cut();
    let victim = start(&scene.orders());
    victim.acknowledges(300);
    let before = scene.rows().await;
    // Every batch is committed, and the program never learns of it.
    scene.proxy.all(Manner::LoseCommitReply);
    let deadline = Instant::now() + SOON;
    while scene.rows().await < before + 20 {
        assert!(Instant::now() < deadline, "nothing of the journal is committed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    victim.kill();
    scene.proxy.all(Manner::Pass);
    scene.judged().await;
}

/// Fault 20: the clock steps by an hour, both ways, while entries are in the queue: by the clock of their batch they are an
/// hour older than they are, or not made yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_steps_by_an_hour_costs_nothing() {
    let scene = Scene::new().await;
    let faults = Faults::below(&scene.journal());
    let mut orders = scene.orders();
    (orders.contract, orders.queue) = (Contract::Queued, 300);
    let victim = Victim::start(program(), &orders, Some(&faults));
    victim.acknowledges(200);
    // The queue is full from now on: nothing leaves it but for the journal, whose disk is slower than the program.
    scene.proxy.all(Manner::Silent(Direction::Both));
    faults.slow_syncs(Duration::from_millis(100));
    for step in [0, 3_600, -3_600, 0] {
        victim.acknowledges(2_000);
        faults.step_clock(step);
    }
    victim.acknowledges(2_000);
    faults.end();
    scene.proxy.all(Manner::Pass);
    let _ = victim.end();
    let spread: f64 = scene
        .database
        .value("SELECT extract(epoch FROM max(created_at) - min(created_at))::float8 FROM control_plane.audit_logs")
        .await;
    assert!(spread > 7_000.0, "the clock did not step: {spread} s");
    scene.judged().await;
}

/// Fault 22: SIGTERM or SIGINT while the store is slow, and the journal's disk, too. What the deadline leaves unwritten is in
/// the journal, also what was in the queue until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_program_leaves_the_remainder_in_the_journal() {
    type End = fn(Victim) -> Ended;
    let (slow, silent) = (Manner::Trickle(Duration::from_secs(1)), Manner::Silent(Direction::Both));
    let ends: [(Manner, End); 3] =
        [(slow, Victim::terminate), (silent, Victim::terminate), (silent, Victim::interrupt)];
    for (manner, end) in ends {
        let scene = Scene::new().await;
        let faults = Faults::below(&scene.journal());
        let mut orders = scene.orders();
        (orders.contract, orders.queue, orders.deadline) = (Contract::Queued, 1_000, 100);
        let victim = Victim::start(program(), &orders, Some(&faults));
        victim.acknowledges(200);
        scene.proxy.all(manner);
        faults.slow_syncs(Duration::from_millis(200));
        // The queue has been filled twice over: both lanes are at work on what it held.
        victim.acknowledges(2_500);
        let ended = end(victim);
        assert_eq!(ended.get("lost"), 0, "{ended:?}");
        assert!(ended.get("journaled") > 0, "{ended:?}");
        scene.proxy.all(Manner::Pass);
        scene.judged().await;
    }
}
