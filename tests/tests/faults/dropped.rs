//! Fault 24: whatever is waited for is dropped, at every await point in turn.

use std::collections::HashSet;
use std::time::Duration;

use audit_core::{Builder, Outcome, WaitForStore, WriterGuard};
use tests::disk::quick_folder;
use tests::dropped::dropped_after;
use tests::oracle::Log;
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use tests::recovery::recover;
use uuid::Uuid;

use crate::support::{Load, SOON, builder, entry_about, until};

/// Entries that wait when a writer is told to end.
const WAITING: usize = 50;

/// Under load a queue of so few entries makes callers wait for a place.
const SHORT_QUEUE: usize = 2;

async fn is_stored(database: &Database<'_>, id: Uuid) -> bool {
    database.value(&format!("SELECT EXISTS (SELECT FROM control_plane.audit_logs WHERE id = '{id}')")).await
}

async fn start(builder: Builder) -> WriterGuard {
    builder.start().await.expect("the writer starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_recording_that_is_dropped_is_stored_once_if_it_had_begun() {
    let database = server().database().await;
    let writer = start(builder(&database.url())).await;
    let mut kept = HashSet::new();
    for polls in 0.. {
        let entry = entry_about("door_7");
        let id = entry.id();
        let ended = dropped_after(polls, writer.auditor().record(entry).durable()).await;
        if let Some(ended) = &ended {
            // Looked at before it could be stored a moment later.
            assert_eq!(writer.stats().stored, kept.len() as u64 + 1, "acknowledged, and not stored");
            assert_eq!(ended.as_ref().expect("the store is there"), &id);
            assert!(is_stored(&database, id).await, "acknowledged, and not stored");
        }
        assert!(writer.stats().is_balanced(), "{:?}", writer.stats());
        writer.flush(SOON).await.expect("the store is there");
        assert_eq!(is_stored(&database, id).await, polls > 0, "dropped after {polls} polls");
        kept.extend((polls > 0).then_some(id));
        if ended.is_some() {
            break;
        }
    }
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stored, report.stats.dropped), (kept.len() as u64, 0), "{report:?}");
    Log::read(&database.url()).await.judge(&kept).with_accounts(&[report.stats]).assert_good_and_none_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_and_attempts_that_are_dropped_while_the_queue_is_full_cost_nobody_anything() {
    let database = server().database().await;
    let load = Load::start(builder(&database.url()).queue_entries(SHORT_QUEUE)).await;
    load.stores(200).await;
    let auditor = load.writer.auditor();
    for polls in 0.. {
        let recorded = dropped_after(polls, auditor.record(entry_about("door_7")).durable()).await;
        let attempted = dropped_after(polls, async {
            let attempt = auditor.attempt(entry_about("door_8")).await?;
            attempt.end(Outcome::Success).await
        })
        .await;
        assert!(load.stats().is_balanced(), "{:?}", load.stats());
        for id in [&recorded, &attempted].into_iter().flatten() {
            let id = *id.as_ref().expect("there is a place in time");
            assert!(is_stored(&database, id).await, "acknowledged, and not stored");
        }
        if recorded.is_some() && attempted.is_some() {
            break;
        }
    }
    load.stores(200).await;
    load.judged(&database.url()).await;
    every_attempt_has_one_end(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_is_dropped_has_one_end_if_it_was_announced() {
    let database = server().database().await;
    let writer = start(builder(&database.url())).await;
    for polls in 0.. {
        let attempt = dropped_after(polls, writer.auditor().attempt(entry_about("door_7"))).await;
        let Some(attempt) = attempt else {
            assert!(writer.stats().is_balanced(), "{:?}", writer.stats());
            continue;
        };
        let attempt = attempt.expect("the store is there");
        assert!(is_stored(&database, attempt.id()).await, "announced, and not stored");
        break;
    }
    writer.flush(SOON).await.expect("the store is there");
    every_attempt_has_one_end(&database).await;
    for polls in 0.. {
        let attempt = writer.auditor().attempt(entry_about("door_7")).await.expect("the store is there");
        let ended = dropped_after(polls, attempt.end(Outcome::Success)).await;
        assert!(writer.stats().is_balanced(), "{:?}", writer.stats());
        if let Some(ended) = ended {
            assert!(is_stored(&database, ended.expect("the store is there")).await, "acknowledged, and not stored");
            break;
        }
    }
    let report = writer.shutdown(SOON).await;
    every_attempt_has_one_end(&database).await;
    Log::read(&database.url()).await.judge(&[].into()).with_accounts(&[report.stats]).assert_good_and_none_refused();
}

async fn every_attempt_has_one_end(database: &Database<'_>) {
    let ends =
        "SELECT coalesce(array_agg((SELECT count(*) FROM control_plane.audit_logs e WHERE e.attempt_id = a.id)), '{}')
                  FROM control_plane.audit_logs a WHERE outcome = 'attempted'";
    let ends: Vec<i64> = database.value(ends).await;
    assert!(!ends.is_empty() && ends.iter().all(|ends| *ends == 1), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_is_dropped_changes_nothing() {
    let database = server().database().await;
    let load = Load::start(builder(&database.url())).await;
    load.stores(200).await;
    for polls in 0.. {
        let entry = entry_about("door_7");
        let id = entry.id();
        load.record(entry).await;
        let flushed = dropped_after(polls, load.writer.flush(SOON)).await;
        assert!(load.stats().is_balanced(), "{:?}", load.stats());
        if let Some(flushed) = flushed {
            flushed.expect("the store is there");
            assert!(is_stored(&database, id).await, "flushed, and not stored");
            break;
        }
    }
    load.writer.flush(SOON).await.expect("the store is there");
    load.judged(&database.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_that_is_dropped_goes_on_by_itself() {
    let database = server().database().await;
    let (mut kept, mut accounts) = (HashSet::new(), Vec::new());
    for polls in 0.. {
        // Nothing is on its way yet when the writer is told to end.
        let writer = start(builder(&database.url()).linger(SOON).drop_deadline(SOON)).await;
        let auditor = writer.auditor().clone();
        for _ in 0..WAITING {
            kept.insert(auditor.record(entry_about("door_7")).await.expect("there is room"));
        }
        let ended = dropped_after(polls, writer.shutdown(SOON)).await;
        until("the end of the writer", || auditor.stats().waiting == 0).await;
        assert_eq!((auditor.stats().stored, auditor.stats().dropped), (WAITING as u64, 0), "{:?}", auditor.stats());
        accounts.push(auditor.stats());
        if ended.is_some() {
            break;
        }
    }
    Log::read(&database.url()).await.judge(&kept).with_accounts(&accounts).assert_good_and_none_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_that_is_dropped_while_the_store_is_away_leaves_the_rest_in_the_journal() {
    const DEADLINE: Duration = Duration::from_secs(1);
    let database = server().database().await;
    start(builder(&database.url())).await.shutdown(SOON).await;
    let proxy = Proxy::before(database.server().port(), Manner::Refuse);
    let journal = quick_folder();
    let mut kept = HashSet::new();
    for polls in 0.. {
        let builder = builder(&proxy.url(&database.url())).linger(SOON).wait_for_store(WaitForStore::No);
        let writer = start(builder.journal(journal.path()).spill_after(SOON).drop_deadline(DEADLINE)).await;
        let auditor = writer.auditor().clone();
        for _ in 0..WAITING {
            kept.insert(auditor.record(entry_about("door_7")).await.expect("there is room"));
        }
        let ended = dropped_after(polls, writer.shutdown(DEADLINE)).await;
        // A dropped guard waits for the writer, which then has brought everything to the disk.
        until("the end of the writer's work", || auditor.stats().in_flight + auditor.stats().queued == 0).await;
        let stats = auditor.stats();
        assert!(stats.is_balanced() && stats.journaled == WAITING as u64, "after {polls} polls: {stats:?}");
        if let Some(report) = ended {
            assert_eq!((report.lost, report.journaled), (0, WAITING as u64), "{report:?}");
            break;
        }
        // Its lock ends with it.
        until("the end of the writer", || auditor.journal().is_none()).await;
    }
    recover(&database.url(), journal.path()).await;
    Log::read(&database.url()).await.judge(&kept).assert_good_and_none_refused();
}
