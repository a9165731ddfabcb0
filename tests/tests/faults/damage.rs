//! What happens to the journal's files after their writer's death, and who adopts them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use audit_core::{Migrate, WaitForStore};
use sqlx::Connection as _;
use tests::disk::quick_folder;
use tests::journals::{frames, segments};
use tests::oracle::Log;
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use tests::recovery::{recover, recover_with, writers};
use uuid::Uuid;

use crate::support::{SOON, builder, entry_about};

const BATCHES: usize = 5;

/// A log whose store is away.
async fn away() -> (Database<'static>, String) {
    let database = server().database().await;
    // Up to date from now on.
    builder(&database.url()).start().await.expect("the writer starts").shutdown(Duration::from_secs(10)).await;
    let proxy = Proxy::before(database.server().port(), Manner::Refuse);
    let url = proxy.url(&database.url());
    (database, url)
}

/// Leaves batches of one entry each in a journal, as the only file of a writer that has ended, between the headers that open and
/// close the stream. Gives back the entries.
async fn leave(journal: &Path, url: &str) -> Vec<Uuid> {
    let builder = builder(url).lanes(1).journal(journal).spill_after(Duration::ZERO).wait_for_store(WaitForStore::No);
    let writer = builder.start().await.expect("the writer starts");
    let mut ids = Vec::new();
    for _ in 0..BATCHES {
        ids.push(writer.auditor().record(entry_about("door_7")).durable().await.expect("the journal takes it"));
    }
    let report = writer.shutdown(Duration::from_millis(50)).await;
    assert_eq!((report.lost, report.stats.journaled), (0, BATCHES as u64), "{report:?}");
    ids
}

/// Fault 15: the last record is torn at every offset. Every torn copy is the journal of a dead writer of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_last_record_is_no_record_and_costs_no_other() {
    let (database, url) = away().await;
    let (whole, torn) = (quick_folder(), quick_folder());
    let ids = leave(whole.path(), &url).await;
    let [segment] = segments(whole.path()).try_into().expect("one segment");
    let bytes = fs::read(&segment).expect("a segment");
    let frames = frames(&bytes);
    assert_eq!(frames.len(), 1 + BATCHES + 1);
    for end in frames[BATCHES]..frames[BATCHES + 1] {
        let writer = torn.path().join(Uuid::now_v7().to_string());
        fs::create_dir(&writer).expect("a new folder");
        fs::write(writer.join("lock"), "").expect("a new file");
        fs::write(writer.join(segment.file_name().expect("a name")), &bytes[..end]).expect("a new file");
    }
    let recovering = builder(&database.url()).migrate(Migrate::Skip).journal(torn.path());
    let stats = recover_with(recovering, &database.url(), torn.path()).await;
    assert_eq!(stats.dropped, 0, "{stats:?}");
    let verdict = Log::read(&database.url()).await.judge(&ids[..BATCHES - 1].iter().copied().collect());
    verdict.assert_good_and_none_refused();
    assert_eq!((verdict.rows, verdict.lost), (BATCHES as u64 - 1, 0), "{verdict}");

    recover(&database.url(), whole.path()).await;
    Log::read(&database.url()).await.judge(&ids.into_iter().collect()).assert_good_and_none_refused();
}

/// Fault 16: a bit flips, anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_costs_its_record_alone_and_the_log_tells_of_it() {
    const FLIPS: usize = 40;
    let (database, url) = away().await;
    let journal = quick_folder();
    let (mut kept, mut damaged) = (HashSet::new(), HashSet::new());
    for flip in 0..FLIPS {
        let before: HashSet<_> =
            if flip == 0 { HashSet::new() } else { segments(journal.path()).into_iter().collect() };
        let ids = leave(journal.path(), &url).await;
        let segment = segments(journal.path()).into_iter().find(|path| !before.contains(path)).expect("a new segment");
        let mut bytes = fs::read(&segment).expect("a segment");
        let frames = frames(&bytes);
        // Spread over the file, its first and its last byte included.
        let at = flip * (bytes.len() - 1) / (FLIPS - 1);
        bytes[at] ^= 1 << (flip % 8);
        fs::write(&segment, &bytes).expect("a segment");
        let hit = frames.iter().rposition(|frame| *frame <= at);
        // The first record says that the stream begins.
        for (batch, id) in (1..).zip(ids) {
            if Some(batch) == hit {
                damaged.insert(id)
            } else {
                kept.insert(id)
            };
        }
    }
    let stats = recover(&database.url(), journal.path()).await;
    // Nothing is stored of a record that is not as it was written, however little of it changed.
    let verdict = Log::read(&database.url()).await.judge_with(&kept, &damaged);
    verdict.assert_good_and_none_refused();
    eprintln!("{stats:?}\n{verdict}");
    assert!(verdict.lost > 0, "{verdict}");
    assert!(stats.adopted >= kept.len() as u64, "{stats:?}");
}

/// Fault 21: two adopters of one journal, at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_adopters_one_adopts() {
    let (database, url) = away().await;
    let journal = quick_folder();
    let mut ids = HashSet::new();
    for _ in 0..6 {
        ids.extend(leave(journal.path(), &url).await);
    }
    // Both are at work before either has stored anything.
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.expect("a transaction begins");
    let lock = "LOCK TABLE control_plane.audit_batches IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut *transaction).await.expect("nobody is at work yet");
    let builder = builder(&database.url()).migrate(Migrate::Skip).journal(journal.path()).store_timeout(SOON);
    let (first, second) = tokio::join!(builder.clone().start(), builder.start());
    let adopters = [first.expect("the writer starts"), second.expect("the writer starts")];
    let waiting = "SELECT count(*) FROM pg_locks
        WHERE NOT granted AND relation = 'control_plane.audit_batches'::regclass";
    while database.value::<i64>(waiting).await < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    transaction.rollback().await.expect("the connection is well");
    let adopted = || adopters.iter().map(|writer| writer.stats().adopted).sum::<u64>();
    crate::support::until("both adopters done", || writers(journal.path()) == 2).await;
    assert_eq!(adopted(), ids.len() as u64);
    for writer in adopters {
        writer.shutdown(Duration::from_secs(10)).await;
    }
    Log::read(&database.url()).await.judge(&ids).assert_good_and_none_refused();
}
