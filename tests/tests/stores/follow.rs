//! Following the log: nothing is missed, and nothing given twice.

use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::query::{Filter, Follow, Position, Reader};
use audit_core::store::{ErrorClass, Schema};
use audit_core::{ActionName, Actor, Entry};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::log::{Log, for_both_stores};

for_both_stores! {
    each_entry_that_is_meant_is_given_once_wherever_its_time_lies
    following_goes_on_from_any_position
    where_nobody_seals_nothing_comes_and_that_is_told
    a_position_beyond_the_end_is_refused
}

/// A transaction that began before others and commits after them: whoever reads by time has gone past its entry.
#[tokio::test]
async fn an_entry_whose_transaction_commits_late_is_not_missed() {
    let log = Log::postgres().await;
    // The reader's role suffices.
    let reader = reader_as(&log, "audit_reader").await;
    let mut follow = Follow::new(Filter::new(), reader.end().await.unwrap());
    let mut late = PgConnection::connect(&log.url).await.unwrap();
    let held = "BEGIN;
        INSERT INTO control_plane.audit_batches (stream_id, batch_no, first_seq, first_created, last_created, writer_time,
            n, kind, rows_root, prev_hash)
        VALUES ('00000000-0000-0000-0000-00000000001a', 0, 0, now(), now(), now(), 1, 'entries', sha256(''),
            decode(repeat('00', 32), 'hex'));
        INSERT INTO control_plane.audit_logs (id, created_at, stream_id, seq, actor_type, outcome, action, target_type, metadata)
        VALUES ('00000000-0000-0000-0000-00000000001b', now(), '00000000-0000-0000-0000-00000000001a', 0, 'user', 'success',
            'door.opened', 'door', '{}')";
    sqlx::raw_sql(held).execute(&mut late).await.unwrap();
    let mut freezer = Freezer::new();
    for _ in 0..2 {
        let expected = land(&log, &mut freezer, 3, Duration::ZERO).await;
        log.seal(None).await;
        assert_eq!(ids(&mut follow, &reader).await, expected);
    }
    sqlx::raw_sql("COMMIT").execute(&mut late).await.unwrap();
    log.seal(None).await;
    assert_eq!(ids(&mut follow, &reader).await, [Uuid::from_u128(0x1b)]);
}

async fn reader_as(log: &Log, role: &str) -> Reader {
    let url = log.database().unwrap().url_as(role).await;
    Reader::connect(&url, &Schema::default()).await.unwrap()
}

/// Lands a batch of entries of a while ago, a millisecond after each other, and gives back their ids, the earliest first.
async fn land(log: &Log, freezer: &mut Freezer, rows: usize, ago: Duration) -> Vec<Uuid> {
    let start = SystemTime::now() - ago;
    let entries = (0..rows).map(|number| {
        let at = start + Duration::from_millis(u64::try_from(number).unwrap());
        let actor = Actor::user(format!("user_{}", number % 3));
        Entry::builder(ActionName::unlisted("door.opened").unwrap()).actor(actor).created_at(at).build()
    });
    let batch: Batch = freezer.freeze(entries.collect(), SystemTime::now());
    log.land(&batch).await;
    batch.rows().iter().map(|frozen| frozen.row.id).collect()
}

/// What is given until nothing more is there.
async fn ids(follow: &mut Follow, reader: &Reader) -> Vec<Uuid> {
    let mut ids = Vec::new();
    while let Some(row) = follow.next_if_any(reader).await.unwrap() {
        ids.push(row.id);
    }
    ids
}

/// Batches small and large, of now and of weeks ago, of two streams.
async fn filled(log: &Log) -> Vec<Uuid> {
    const DAY: Duration = Duration::from_hours(24);
    let (mut ours, mut theirs) = (Freezer::new(), Freezer::new());
    let mut all = Vec::new();
    for (rows, ago) in [(3, DAY * 9), (5, DAY * 40), (2_300, DAY * 2), (1, Duration::ZERO), (2, Duration::ZERO)] {
        all.extend(land(log, &mut ours, rows, ago).await);
        // Each alone, so that the order of the tree is that in which they were landed.
        log.seal(None).await;
        all.extend(land(log, &mut theirs, 2, ago / 2).await);
        log.seal(None).await;
    }
    all
}

async fn each_entry_that_is_meant_is_given_once_wherever_its_time_lies(log: Log) {
    let reader = log.reader().await;
    let mut all = Follow::new(Filter::new(), reader.end().await.unwrap());
    let expected = filled(&log).await;
    let mut given = ids(&mut all, &reader).await;
    // Small batches of one time are read together.
    let last = given.len() - 7;
    assert_eq!(given[..last], expected[..last]);
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    given.sort_unstable();
    assert_eq!(given, sorted);
    assert_eq!(all.next_if_any(&reader).await.unwrap(), None);

    for text in ["actor:user_2", "-actor:user_2 \"OPENED\"", "created:<24h", "actor:nobody"] {
        let filter: Filter = text.parse().unwrap();
        let mut given = ids(&mut Follow::new(filter.clone(), Position::START), &reader).await;
        given.sort_unstable();
        let mut meant = Vec::new();
        let mut rows = reader.rows(filter.into());
        while let Some(row) = rows.next().await.unwrap() {
            meant.push(row.id);
        }
        meant.sort_unstable();
        assert_eq!(given, meant, "{text}");
    }

    // What comes is waited for.
    let mut freezer = Freezer::new();
    let arrives = async {
        let landed = land(&log, &mut freezer, 1, Duration::ZERO).await;
        log.seal(None).await;
        landed
    };
    let (row, landed) = tokio::join!(all.next(&reader), arrives);
    assert_eq!([row.unwrap().id], landed[..]);
}

async fn following_goes_on_from_any_position(log: Log) {
    filled(&log).await;
    let reader = log.reader().await;
    let whole = ids(&mut Follow::new(Filter::new(), Position::START), &reader).await;
    let mut follow = Follow::new(Filter::new(), Position::START);
    let mut given = Vec::new();
    // In the middle of batches, between them, in the middle of those that are read together.
    for (number, _) in whole.iter().enumerate() {
        if number < 20 || number % 500 == 0 || number > whole.len() - 20 {
            let position = follow.position().to_string();
            follow = Follow::new(Filter::new(), position.parse().unwrap());
        }
        given.push(follow.next_if_any(&reader).await.unwrap().unwrap().id);
    }
    let mut rest = Follow::new(Filter::new(), follow.position().to_string().parse().unwrap());
    assert!(ids(&mut rest, &reader).await.is_empty());
    assert_eq!(given, whole);
}

async fn where_nobody_seals_nothing_comes_and_that_is_told(log: Log) {
    let reader = log.reader().await;
    let mut follow = Follow::new(Filter::new(), Position::START);
    assert_eq!(reader.unsealed_since().await.unwrap(), None);
    let landed = land(&log, &mut Freezer::new(), 2, Duration::ZERO).await;
    assert!(ids(&mut follow, &reader).await.is_empty());
    let since = reader.unsealed_since().await.unwrap().unwrap();
    assert_eq!(Some(since), reader.find(landed[0]).await.unwrap().unwrap().recorded_at);
    log.seal(None).await;
    assert_eq!(reader.unsealed_since().await.unwrap(), None);
    assert_eq!(ids(&mut follow, &reader).await, landed);
}

async fn a_position_beyond_the_end_is_refused(log: Log) {
    land(&log, &mut Freezer::new(), 1, Duration::ZERO).await;
    log.seal(None).await;
    let reader = log.reader().await;
    let error = Follow::new(Filter::new(), "2".parse().unwrap()).next(&reader).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Operator);
    assert!(error.to_string().contains("position 2 is beyond its end, 1"), "{error}");
    assert_eq!(Follow::new(Filter::new(), "1".parse().unwrap()).next_if_any(&reader).await.unwrap(), None);
}
