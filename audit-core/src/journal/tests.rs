//! What the journal promises about its files.

mod damage;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::frame::{FRAME_HEAD_BYTES, FrameHead, SEGMENT_HEAD_BYTES};
use super::*;
use crate::batch::{Batch, Freezer, Hash, HeaderKind};
use crate::{ActionName, Actor, Context, Entry};

const GENEROUS: u64 = 1 << 30;
/// Some batches of a few rows.
const SMALL_SEGMENT: u64 = 64 << 10;

fn entry(details: &Value) -> Entry {
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    let context = Context::new().with_user_agent("curl/8").with_ip_address([10, 0, 0, 1]).with_request_id("req_9");
    Entry::builder(action)
        .target_id("door_7")
        .actor(Actor::user("u"))
        .metadata("details", details)
        .context(context)
        .build()
}

/// Batches of one, two, … rows.
fn batches(count: usize) -> Vec<Batch> {
    let mut freezer = Freezer::new();
    (1..=count).map(|rows| freezer.freeze(vec![entry(&json!(rows)); rows], SystemTime::now())).collect()
}

fn hashes(batches: &[Batch]) -> Vec<Hash> {
    batches.iter().map(|batch| *batch.header_hash()).collect()
}

/// A journal of small segments.
fn opened(root: &Path) -> Arc<Journal> {
    Journal::open_with(root, GENEROUS, SMALL_SEGMENT, File::sync_data).expect("the directory is writable")
}

/// What a process leaves that dies with these batches in its journal.
fn left_by_the_dead(root: &Path, batches: &[Batch]) {
    let journal = opened(root);
    let backlog = Backlog::new(journal);
    for batch in batches {
        backlog.append(batch).expect("there is room");
    }
}

fn segments(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in fs::read_dir(root).expect("the root is there").flatten().map(|entry| entry.path()) {
        for path in fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "journal") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn damaged(root: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(root).expect("the root is there").flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "damaged")).collect()
}

/// Where each frame of a segment begins, and where the last one ends.
fn offsets(segment: &[u8]) -> Vec<usize> {
    let mut offsets = vec![SEGMENT_HEAD_BYTES];
    while let Some(head) = FrameHead::decode(&segment[offsets[offsets.len() - 1]..]) {
        offsets.push(offsets[offsets.len() - 1] + usize::try_from(head.frame_bytes()).expect("it fits memory"));
    }
    offsets
}

/// Adopts everything below a root, and gives back what came of it.
fn adopt(root: &Path) -> Vec<Step> {
    adopt_by(&Journal::open(root, GENEROUS).expect("the directory is writable"))
}

fn adopt_by(journal: &Arc<Journal>) -> Vec<Step> {
    let mut steps = Vec::new();
    for directory in others(journal).expect("the root can be listed") {
        if let Some(mut abandoned) = Abandoned::adopt(journal, &directory).expect("it can be taken over") {
            while let Some(step) = abandoned.next() {
                steps.push(step);
            }
            abandoned.finish().expect("it can be removed");
        }
    }
    steps
}

fn whole(steps: &[Step]) -> Vec<Hash> {
    let batch = |step: &Step| match step {
        Step::Batch(batch) => Some(*batch.header_hash()),
        Step::Lost(_) => None,
    };
    steps.iter().filter_map(batch).collect()
}

type Place = (i64, i32, Hash);

/// Number, rows and hash of each lost batch that has a place, and how many entries each step tells of.
fn lost(steps: &[Step]) -> (Vec<Place>, Vec<Option<u64>>) {
    let mut headers = Vec::new();
    let mut entries = Vec::new();
    for step in steps {
        if let Step::Lost(lost) = step {
            entries.push(lost.entries);
            let header = lost.header.header();
            assert_eq!(header.kind, HeaderKind::Lost);
            if lost.is_placed {
                headers.push((header.batch_no, header.n, header.rows_root));
            }
        }
    }
    (headers, entries)
}

#[test]
fn what_a_dead_process_left_comes_back_in_order_and_nothing_stays_behind() {
    let root = TempDir::new().expect("a directory");
    let (first, second) = (batches(5), batches(2));
    left_by_the_dead(root.path(), &first);
    left_by_the_dead(root.path(), &second);
    let steps = adopt(root.path());
    assert_eq!(whole(&steps), [hashes(&first), hashes(&second)].concat());
    assert_eq!(fs::read_dir(root.path()).expect("the root is there").count(), 0);
}

proptest! {
    #[test]
    fn a_batch_comes_back_with_the_same_hashes(text in ".*", number in any::<f64>(), integer in any::<i64>()) {
        let details = json!({ text.clone(): [text, number, integer, { "ü": null }] });
        let batch = Freezer::new().freeze(vec![entry(&details)], SystemTime::now());
        let again = record::decode(&record::encode(&batch)).expect("it is whole");
        prop_assert_eq!(again.header(), batch.header());
        prop_assert_eq!(again.header_hash(), batch.header_hash());
        prop_assert_eq!(again.rows()[0].metadata(), batch.rows()[0].metadata());
        prop_assert_eq!(&again.rows()[0].row, &batch.rows()[0].row);
    }
}

#[test]
fn a_segment_of_a_later_version_is_left_to_it() {
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &batches(2));
    let path = segments(root.path()).remove(0);
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[11] = 2;
    let checked = SEGMENT_HEAD_BYTES - frame::CHECKSUM_BYTES;
    let sum = frame::checksum(&bytes[..checked]);
    bytes[checked..SEGMENT_HEAD_BYTES].copy_from_slice(&sum);
    fs::write(&path, &bytes).expect("it can be written");
    assert!(adopt(root.path()).is_empty());
    assert_eq!(fs::read(&path).expect("it is there"), bytes);
    assert!(damaged(root.path()).is_empty());
}

#[test]
fn an_hour_of_a_thousand_entries_a_second_fits_the_default_limit() {
    let mut freezer = Freezer::new();
    let details = |n: usize| json!({ "old": format!("tier-{}", n % 7), "new": n, "reason": "a customer asked for it" });
    let entry = |n: usize| {
        let context = Context::new()
            .with_user_agent(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
            )
            .with_ip_address([10, 0, u8::try_from(n % 250).expect("small"), 1])
            .with_request_id(uuid::Uuid::now_v7().to_string());
        let action = ActionName::unlisted("project.updated").expect("a well-formed name");
        let actor = Actor::user(format!("user_{}", n * 7919 % 10_000));
        let entry = Entry::builder(action).target_id(format!("proj_{}", n * 104_729 % 100_000)).actor(actor);
        entry.metadata("changes", &details(n)).context(context).build()
    };
    // What a linger of 50 ms makes of it.
    let batch = freezer.freeze((0..50).map(entry).collect(), SystemTime::now());
    let bytes = segment::frame(&batch).len() / 50;
    assert!(bytes * 3_600_000 < 1 << 30, "{bytes} bytes an entry");
}

#[test]
fn a_missing_segment_is_told() {
    let root = TempDir::new().expect("a directory");
    let written = large(12);
    left_by_the_dead(root.path(), &written);
    let segments = segments(root.path());
    assert!(segments.len() >= 3, "{segments:?}");
    fs::remove_file(&segments[1]).expect("it is there");
    let steps = adopt(root.path());
    let (headers, entries) = lost(&steps);
    assert_eq!(whole(&steps).len() + headers.len(), written.len());
    let rows = written[0].rows().len() * headers.len();
    assert_eq!(entries.iter().flatten().sum::<u64>(), rows as u64);
}

#[test]
fn what_took_a_batchs_place_stays_while_its_segment_cannot_be_removed() {
    let root = TempDir::new().expect("a directory");
    let written = large(12);
    let journal = opened(root.path());
    let backlog = Backlog::new(Arc::clone(&journal));
    for batch in &written {
        backlog.append(batch).expect("there is room");
    }
    Moves::of(&journal).replace(&written[0], &written[0].moved(None)).expect("there is room");
    let segments = segments(root.path());
    assert!(segments.len() >= 3, "{segments:?}");
    // What is a directory is not removed as a file.
    fs::remove_file(&segments[0]).expect("it is there");
    fs::create_dir(&segments[0]).expect("there is room");
    for _ in &written {
        backlog.forget_front(None);
    }
    let files = fs::read_dir(journal.directory()).expect("it is there").flatten().map(|entry| entry.path());
    let left: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "journal" || kind == "refrozen")).collect();
    assert_eq!(left.len(), 2, "the segment and what took its batch's place: {left:?}");
}

#[test]
fn of_two_adopters_one_wins() {
    let root = TempDir::new().expect("a directory");
    let written = batches(3);
    left_by_the_dead(root.path(), &written);
    let journals = [(); 2].map(|()| Journal::open(root.path(), GENEROUS).expect("the directory is writable"));
    let directory = segments(root.path())[0].parent().expect("it lies in one").to_owned();
    let adopted = journals.each_ref().map(|journal| Abandoned::adopt(journal, &directory).expect("it can be asked"));
    assert_eq!(adopted.iter().flatten().count(), 1);
    for mut abandoned in adopted.into_iter().flatten() {
        while abandoned.next().is_some() {}
        assert_eq!(abandoned.finish().expect("it can be removed"), Remains::Nothing);
    }
    assert!(Abandoned::adopt(&journals[1], &directory).expect("it can be asked").is_none());
}

#[test]
fn the_living_are_not_adopted() {
    let root = TempDir::new().expect("a directory");
    let journal = Journal::open(root.path(), GENEROUS).expect("the directory is writable");
    let backlog = Backlog::new(Arc::clone(&journal));
    backlog.append(&batches(1)[0]).expect("there is room");
    assert!(adopt(root.path()).is_empty());
    assert_eq!(segments(root.path()).len(), 1);
}

#[test]
fn whoever_looks_is_told_what_lies_there_and_changes_nothing() {
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &batches(3));
    let path = segments(root.path()).remove(0);
    let middle = offsets(&fs::read(&path).expect("it is there"))[1] + 80;
    flip(&path, middle);
    let journal = opened(root.path());
    let backlog = Backlog::new(journal);
    let written = batches(2);
    for batch in &written {
        backlog.append(batch).expect("there is room");
    }
    let contents = inspect(root.path()).expect("it can be read");
    let told: Vec<_> = contents.writers.iter().map(|w| (w.is_alive, w.batches, w.entries, w.damaged)).collect();
    assert_eq!(told, [(false, 2, 4, 1), (true, 2, 3, 0)]);
    assert_eq!(contents.writers[1].oldest, Some(written[0].header().writer_time));
    assert!(contents.quarantined.is_empty());
    assert_eq!(contents, inspect(root.path()).expect("it can be read"));
    assert_eq!(whole(&adopt(root.path())).len(), 2);
    assert_eq!(inspect(root.path()).expect("it can be read").quarantined.len(), 1);
}

#[test]
fn what_is_not_a_journals_stays_and_is_reported() {
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &batches(1));
    let segment = segments(root.path()).remove(0);
    let foreign = segment.with_file_name("notes.txt");
    fs::write(&foreign, "mine").expect("it can be written");
    let journal = Journal::open(root.path(), GENEROUS).expect("the directory is writable");
    let directory = segment.parent().expect("it lies in one");
    let mut abandoned = Abandoned::adopt(&journal, directory).expect("it can be asked").expect("it is free");
    assert!(abandoned.next().is_some());
    assert!(abandoned.next().is_none());
    assert_eq!(abandoned.finish().expect("nothing is removed"), Remains::Left);
    assert!(foreign.exists());
    assert!(!segment.exists());
}

#[test]
fn batches_leave_in_order_and_segments_rotate_and_go_when_all_of_theirs_have_left() {
    let root = TempDir::new().expect("a directory");
    let journal = opened(root.path());
    let backlog = Backlog::new(Arc::clone(&journal));
    let written = large(12);
    for batch in &written {
        backlog.append(batch).expect("there is room");
        backlog.append(batch).expect("the same batch is there already");
    }
    let count = segments(root.path()).len();
    assert!((3..=6).contains(&count), "{count} segments");
    for (stored, batch) in written.iter().enumerate() {
        let front = backlog.front().expect("it can be read").expect("there is one");
        assert!(matches!(&*front, Step::Batch(front) if front.header_hash() == batch.header_hash()));
        assert!(segments(root.path()).len() <= count - stored * count / written.len());
        backlog.forget_front(None);
    }
    assert!(backlog.front().expect("it can be asked").is_none());
    assert!(segments(root.path()).is_empty());
    assert_eq!(journal.status().bytes, 0);
    drop((backlog, journal));
    assert_eq!(fs::read_dir(root.path()).expect("the root is there").count(), 0);
}

/// A living writer's, with these batches.
fn backlog_of(root: &TempDir, batches: &[Batch]) -> Backlog {
    let backlog = Backlog::new(Journal::open(root.path(), GENEROUS).expect("the directory is writable"));
    for batch in batches {
        backlog.append(batch).expect("there is room");
    }
    backlog
}

#[test]
fn a_batch_that_was_never_read_can_be_forgotten() {
    let root = TempDir::new().expect("a directory");
    let written = batches(3);
    let backlog = backlog_of(&root, &written);
    backlog.forget_front(None);
    let front = backlog.front().expect("it can be read").expect("there is one");
    assert!(matches!(&*front, Step::Batch(front) if front.header_hash() == written[1].header_hash()));
}

#[test]
fn beyond_the_limit_the_journal_refuses_until_there_is_room_and_alarms_at_half() {
    let root = TempDir::new().expect("a directory");
    let journal = Journal::open(root.path(), 200_000).expect("the directory is writable");
    let backlog = Backlog::new(Arc::clone(&journal));
    let written = large(12);
    let mut taken = 0;
    let refusal = loop {
        assert_eq!(journal.status().is_alarming(), journal.status().bytes >= 100_000);
        match backlog.append(&written[taken]) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, JournalError::Full { limit, .. } if limit == 200_000), "{refusal}");
    assert!((7..=9).contains(&taken), "{taken}");
    assert!(journal.status().is_alarming());
    assert!(journal.status().refusal.is_some_and(|reason| reason.contains("at most")));
    for _ in 0..taken {
        backlog.forget_front(None);
    }
    backlog.append(&written[taken]).expect("there is room again");
    assert_eq!(journal.status().refusal, None);
    let next = Journal::open(root.path(), 30_000).expect("the directory is writable");
    let refusal = Backlog::new(next).append(&written[0]).expect_err("what others left counts, too");
    assert!(matches!(refusal, JournalError::Full { .. }), "{refusal}");
}

#[test]
fn after_a_failed_fsync_the_file_is_never_written_again_and_what_was_safe_in_it_stays() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    fn sync(file: &File) -> io::Result<()> {
        if FAILS.load(Ordering::Relaxed) { Err(io::Error::other("scripted")) } else { file.sync_data() }
    }
    let root = TempDir::new().expect("a directory");
    let journal = Journal::open_with(root.path(), GENEROUS, SMALL_SEGMENT, sync).expect("the directory is writable");
    let backlog = Backlog::new(Arc::clone(&journal));
    let written = batches(4);
    backlog.append(&written[0]).expect("there is room");
    FAILS.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        backlog.append(&written[1]).expect_err("the disk fails");
    }
    assert!(journal.status().refusal.is_some_and(|reason| reason.contains("scripted")));
    let first = segments(root.path());
    assert_eq!(first.len(), 1, "files that nobody trusts do not pile up");
    let length = fs::metadata(&first[0]).expect("it is there").len();
    FAILS.store(false, Ordering::Relaxed);
    for batch in &written[1..] {
        backlog.append(batch).expect("the disk works again");
    }
    assert_eq!(segments(root.path()).len(), 2);
    assert_eq!(fs::metadata(&first[0]).expect("it is there").len(), length);
    drop((backlog, journal));
    let steps = adopt(root.path());
    assert_eq!((whole(&steps), steps.len()), (hashes(&written), 4));
}

#[test]
fn the_journal_is_read_while_its_disk_is_slow_to_write() {
    static IS_SLOW: AtomicBool = AtomicBool::new(false);
    fn sync(file: &File) -> io::Result<()> {
        while IS_SLOW.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        file.sync_data()
    }
    let root = TempDir::new().expect("a directory");
    let journal = Journal::open_with(root.path(), GENEROUS, SMALL_SEGMENT, sync).expect("the directory is writable");
    let backlog = Backlog::new(journal);
    let written = batches(3);
    for batch in &written[..2] {
        backlog.append(batch).expect("there is room");
    }
    IS_SLOW.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| backlog.append(&written[2]));
        for batch in &written[..2] {
            let front = backlog.front().expect("it can be read").expect("there is one");
            assert!(matches!(&*front, Step::Batch(front) if front.header_hash() == batch.header_hash()));
            backlog.forget_front(None);
        }
        assert!(backlog.front().expect("it can be asked").is_none(), "what is not safe yet is not given out");
        assert!(!writing.is_finished());
        IS_SLOW.store(false, Ordering::Relaxed);
        writing.join().expect("it does not panic").expect("there is room");
    });
    assert!(backlog.front().expect("it can be read").is_some());
}

#[test]
fn nobody_else_may_read_a_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &batches(1));
    let segment = segments(root.path()).remove(0);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&segment), 0o600);
    assert_eq!(mode(segment.parent().expect("it lies in one")), 0o700);
}

#[test]
fn a_move_and_what_was_sent_in_a_batchs_place_survive_a_crash() {
    let root = TempDir::new().expect("a directory");
    let written = batches(3);
    let replacement = written[1].moved_into_window(SystemTime::now(), None);
    {
        let journal = Journal::open(root.path(), GENEROUS).expect("the directory is writable");
        let backlog = Backlog::new(Arc::clone(&journal));
        for batch in &written {
            backlog.append(batch).expect("there is room");
        }
        let moves = Moves::of(&journal);
        moves.begin(written[1].header()).expect("it can be written");
        moves.replace(&written[1], &replacement).expect("it can be written");
    }
    let journal = Journal::open(root.path(), GENEROUS).expect("the directory is writable");
    let directory = others(&journal).expect("the root can be listed").remove(0);
    let mut abandoned = Abandoned::adopt(&journal, &directory).expect("it can be asked").expect("it is free");
    let moves = Arc::clone(abandoned.moves());
    let covered: Vec<bool> = written.iter().map(|batch| moves.covers(batch.header())).collect();
    assert_eq!(covered, [false, true, true]);
    let sent = moves.replacement(&written[1]).expect("it can be read").expect("it was kept");
    assert_eq!(sent.header_hash(), replacement.header_hash());
    assert!(moves.replacement(&written[2]).expect("it can be asked").is_none());
    while abandoned.next().is_some() {}
    assert_eq!(abandoned.finish().expect("it can be removed"), Remains::Nothing);
    assert!(!directory.exists());
}

/// Batches of which two or three fill a small segment.
fn large(count: usize) -> Vec<Batch> {
    let mut freezer = Freezer::new();
    let random = || json!((0..280).map(|_| uuid::Uuid::from_u128(rand::random()).to_string()).collect::<String>());
    (0..count).map(|_| freezer.freeze(vec![entry(&random()), entry(&random())], SystemTime::now())).collect()
}

fn flip(path: &Path, at: usize) {
    let byte = fs::read(path).expect("it is there")[at];
    let mut file = OpenOptions::new().write(true).open(path).expect("it is there");
    file.seek(SeekFrom::Start(at as u64)).expect("it can be sought");
    file.write_all(&[byte ^ 0x10]).expect("it can be written");
}
