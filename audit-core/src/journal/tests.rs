//! What the journal promises about its files.

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

/// What a process leaves that dies with a segment of these bytes.
fn left_as(root: &Path, segment: &Path, bytes: &[u8]) {
    let directory = root.join(segment.parent().and_then(Path::file_name).expect("it lies in one"));
    fs::create_dir(&directory).expect("the root is writable");
    fs::write(directory.join(name::LOCK), "").expect("it can be written");
    fs::write(directory.join(segment.file_name().expect("it has a name")), bytes).expect("it can be written");
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
fn a_last_record_torn_at_any_byte_is_cut_off_and_costs_no_other() {
    let written = batches(3);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = &segments(root.path())[0];
    let segment = fs::read(path).expect("it is there");
    let offsets = offsets(&segment);
    for end in offsets[2]..offsets[3] {
        let root = TempDir::new().expect("a directory");
        left_as(root.path(), path, &segment[..end]);
        let steps = adopt(root.path());
        assert_eq!(whole(&steps), hashes(&written[..2]), "cut at {end}");
        assert_eq!(steps.len(), 2, "cut at {end}");
        assert!(damaged(root.path()).is_empty());
    }
}

#[test]
fn a_bit_flipped_in_any_byte_of_a_record_costs_that_record_alone_and_is_told() {
    let written = batches(3);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = &segments(root.path())[0];
    let segment = fs::read(path).expect("it is there");
    let offsets = offsets(&segment);
    for at in offsets[1]..offsets[2] {
        let root = TempDir::new().expect("a directory");
        let mut segment = segment.clone();
        segment[at] ^= 1 << (at % 8);
        left_as(root.path(), path, &segment);
        let steps = adopt(root.path());
        assert_eq!(whole(&steps), [*written[0].header_hash(), *written[2].header_hash()], "flipped at {at}");
        let hash = *written[1].header_hash();
        assert_eq!(lost(&steps), (vec![(1, 2, hash)], vec![Some(2)]), "flipped at {at}");
        assert!(matches!(steps[1], Step::Lost(_)), "the lost one stands in its place");
        assert_eq!(fs::read(&damaged(root.path())[0]).expect("it is kept").len(), offsets[2] - offsets[1]);
    }
}

#[test]
fn a_damaged_last_record_is_told_too() {
    for at in [0, FRAME_HEAD_BYTES + 5] {
        let written = batches(2);
        let root = TempDir::new().expect("a directory");
        left_by_the_dead(root.path(), &written);
        let path = &segments(root.path())[0];
        let offsets = offsets(&fs::read(path).expect("it is there"));
        flip(path, offsets[1] + at);
        let steps = adopt(root.path());
        assert_eq!(whole(&steps), hashes(&written[..1]));
        // Where its own head is whole, that tells what is lost; otherwise nobody can.
        let told = if at == 0 { (1, 0, [0; 32]) } else { (1, 2, *written[1].header_hash()) };
        assert_eq!(lost(&steps), (vec![told], vec![(at > 0).then_some(2)]));
        assert_eq!(damaged(root.path()).len(), 1);
    }
}

#[test]
fn a_damaged_head_of_a_segment_costs_nothing() {
    for at in 0..SEGMENT_HEAD_BYTES {
        let written = batches(2);
        let root = TempDir::new().expect("a directory");
        left_by_the_dead(root.path(), &written);
        flip(&segments(root.path())[0], at);
        let steps = adopt(root.path());
        assert_eq!((whole(&steps), steps.len()), (hashes(&written), 2), "flipped at {at}");
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
fn neighbouring_damaged_records_leave_a_stream_without_a_missing_number() {
    let written = batches(4);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = &segments(root.path())[0];
    let offsets = offsets(&fs::read(path).expect("it is there"));
    flip(path, offsets[1]);
    flip(path, offsets[2]);
    let steps = adopt(root.path());
    assert_eq!(whole(&steps), [*written[0].header_hash(), *written[3].header_hash()]);
    let (headers, entries) = lost(&steps);
    assert_eq!(headers, [(1, 5, [0; 32]), (2, 0, *written[2].header_hash())]);
    assert_eq!(entries, [Some(5), Some(0)]);
}

#[test]
fn neighbouring_damaged_records_with_whole_heads_are_told_one_by_one() {
    let written = batches(5);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = &segments(root.path())[0];
    let offsets = offsets(&fs::read(path).expect("it is there"));
    let payload = FRAME_HEAD_BYTES + 5;
    flip(path, offsets[1]);
    flip(path, offsets[2] + payload);
    flip(path, offsets[3] + payload);
    let steps = adopt(root.path());
    assert_eq!(whole(&steps), [*written[0].header_hash(), *written[4].header_hash()]);
    let place = |no: usize, hash| (i64::try_from(no).expect("few"), written[no].header().n, hash);
    let told = vec![place(1, [0; 32]), place(2, *written[2].header_hash()), place(3, *written[3].header_hash())];
    assert_eq!(lost(&steps), (told, vec![Some(2), Some(3), Some(4)]));
}

#[test]
fn a_damaged_record_that_stands_once_more_in_the_next_segment_is_not_lost() {
    let written = batches(3);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written[..2]);
    let first = segments(root.path()).remove(0);
    // As after a failed fsync: the record is written again, to a new file.
    let other = TempDir::new().expect("a directory");
    left_by_the_dead(other.path(), &written[1..]);
    let second = segments(other.path()).remove(0);
    let name = format!("{}-1.journal", written[0].header().stream_id);
    fs::copy(&second, first.with_file_name(name)).expect("there is room");
    let offsets = offsets(&fs::read(&first).expect("it is there"));
    flip(&first, offsets[1] + FRAME_HEAD_BYTES + 5);
    let steps = adopt(root.path());
    assert_eq!((whole(&steps), steps.len()), (hashes(&written), 3));
}

#[test]
fn damage_before_anything_that_is_known_is_told_too() {
    let written = batches(4);
    for (from, at, told) in [
        // The first of its stream, which is chained to nothing.
        (0, FRAME_HEAD_BYTES + 5, (vec![(0, 1, *written[0].header_hash())], vec![Some(1)])),
        // One whose predecessor is in no file: its head tells how much it was, but no header can take its place.
        (1, FRAME_HEAD_BYTES + 5, (vec![], vec![Some(2)])),
        (1, 0, (vec![], vec![None])),
    ] {
        let root = TempDir::new().expect("a directory");
        left_by_the_dead(root.path(), &written[from..]);
        let path = &segments(root.path())[0];
        let offsets = offsets(&fs::read(path).expect("it is there"));
        flip(path, 5);
        flip(path, offsets[0] + at);
        let steps = adopt(root.path());
        assert_eq!(whole(&steps), hashes(&written[from + 1..]));
        assert_eq!(lost(&steps), told, "from {from}, at {at}");
        assert!(matches!(steps[0], Step::Lost(_)));
    }
}

#[test]
fn all_that_is_damaged_at_the_end_of_a_stream_is_told() {
    let written = batches(4);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = &segments(root.path())[0];
    let offsets = offsets(&fs::read(path).expect("it is there"));
    flip(path, offsets[2] + FRAME_HEAD_BYTES + 5);
    flip(path, offsets[3]);
    let steps = adopt(root.path());
    assert_eq!(whole(&steps), hashes(&written[..2]));
    let told = vec![(2, 3, *written[2].header_hash()), (3, 0, [0; 32])];
    assert_eq!(lost(&steps), (told, vec![Some(3), None]));
}

#[test]
fn the_bytes_of_a_damaged_record_are_kept_whole_or_not_at_all() {
    let written = batches(2);
    let root = TempDir::new().expect("a directory");
    left_by_the_dead(root.path(), &written);
    let path = segments(root.path()).remove(0);
    let bytes = fs::read(&path).expect("it is there");
    let offsets = offsets(&bytes);
    flip(&path, offsets[0] + FRAME_HEAD_BYTES + 5);
    let directory = path.parent().and_then(Path::file_name).expect("it lies in one").to_string_lossy();
    let stem = path.file_stem().expect("it has a name").to_string_lossy();
    let kept = root.path().join(format!("{directory}-{stem}-{}.damaged", offsets[0]));
    // Somebody was killed over it.
    fs::write(kept.with_added_extension("scratch"), &bytes[..10]).expect("there is room");
    adopt(root.path());
    assert_eq!(fs::read(&kept).expect("it is kept").len(), offsets[1] - offsets[0]);
    assert_eq!(fs::read_dir(root.path()).expect("it is there").count(), 1, "nothing else stays");
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

#[test]
fn a_batch_that_was_never_read_can_be_forgotten() {
    let root = TempDir::new().expect("a directory");
    let backlog = Backlog::new(Journal::open(root.path(), GENEROUS).expect("the directory is writable"));
    let written = batches(3);
    for batch in &written {
        backlog.append(batch).expect("there is room");
    }
    backlog.forget_front(None);
    let front = backlog.front().expect("it can be read").expect("there is one");
    assert!(matches!(&*front, Step::Batch(front) if front.header_hash() == written[1].header_hash()));
}

#[test]
fn damage_under_a_living_writer_costs_the_damaged_batch_alone() {
    let root = TempDir::new().expect("a directory");
    let backlog = Backlog::new(Journal::open(root.path(), GENEROUS).expect("the directory is writable"));
    let written = batches(4);
    for batch in &written {
        backlog.append(batch).expect("there is room");
    }
    let path = &segments(root.path())[0];
    let offsets = offsets(&fs::read(path).expect("it is there"));
    flip(path, offsets[1]);
    flip(path, offsets[3]);
    let mut steps = Vec::new();
    while let Some(front) = backlog.front().expect("it can be read") {
        backlog.forget_front(None);
        steps.push(Arc::into_inner(front).expect("the journal has let go of it"));
    }
    assert_eq!(whole(&steps), [*written[0].header_hash(), *written[2].header_hash()]);
    let told = vec![(1, 2, *written[1].header_hash()), (3, 4, *written[3].header_hash())];
    assert_eq!(lost(&steps), (told, vec![Some(2), Some(4)]));
}

#[test]
fn damage_at_the_end_of_a_segment_in_use_costs_nothing_that_is_appended_later() {
    let root = TempDir::new().expect("a directory");
    let written = batches(3);
    let backlog = Backlog::new(opened(root.path()));
    backlog.append(&written[0]).expect("there is room");
    let path = segments(root.path()).remove(0);
    let last = fs::metadata(&path).expect("it is there").len();
    flip(&path, usize::try_from(last).expect("it is small") - 10);
    let front = backlog.front().expect("it can be read").expect("there is one");
    assert!(matches!(&*front, Step::Lost(_)), "{front:?}");
    // More comes while the header of the lost one lands.
    for batch in &written[1..] {
        backlog.append(batch).expect("there is room");
    }
    backlog.forget_front(None);
    for batch in &written[1..] {
        let front = backlog.front().expect("it can be read").expect("there is one");
        assert!(matches!(&*front, Step::Batch(front) if front.header_hash() == batch.header_hash()), "{front:?}");
        backlog.forget_front(None);
    }
    assert!(segments(root.path()).is_empty());
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

#[test]
fn what_is_damaged_beside_a_batch_that_was_never_read_is_told_by_itself() {
    let written = batches(4);
    for is_gone in [false, true] {
        let root = TempDir::new().expect("a directory");
        let backlog = Backlog::new(opened(root.path()));
        for batch in &written {
            backlog.append(batch).expect("there is room");
        }
        let path = segments(root.path()).remove(0);
        let offsets = offsets(&fs::read(&path).expect("it is there"));
        flip(&path, offsets[0]);
        flip(&path, offsets[1]);
        if is_gone {
            fs::remove_file(&path).expect("it is there");
        }
        // It was stored from memory.
        backlog.forget_front(Some(&written[0]));
        let front = backlog.front().expect("it can be read").expect("there is one");
        let Step::Lost(lost) = &*front else { panic!("{front:?}") };
        let header = lost.header.header();
        // Of a file that is gone, the first tells for the others, too.
        let (n, hash) = if is_gone { (9, [0; 32]) } else { (2, *written[1].header_hash()) };
        assert_eq!((header.batch_no, header.first_seq, header.n, header.rows_root), (1, 1, n, hash));
        assert_eq!(lost.entries, Some(n.unsigned_abs().into()));
    }
}

#[test]
fn the_head_of_another_record_tells_nothing_of_this_one() {
    let written = batches(4);
    let mut others = Freezer::new();
    let other: Vec<Batch> = (0..40).map(|n| others.freeze(vec![entry(&json!(n))], SystemTime::now())).collect();
    // A block of another file over our last record: of one further on than a file can be, and of one that we had before.
    for foreign in [&other[39], &other[1]] {
        let root = TempDir::new().expect("a directory");
        left_by_the_dead(root.path(), &written);
        let path = &segments(root.path())[0];
        let mut bytes = fs::read(path).expect("it is there");
        let offsets = offsets(&bytes);
        bytes.truncate(offsets[3]);
        bytes.extend(segment::frame(foreign));
        fs::write(path, bytes).expect("it can be written");
        let steps = adopt_by(&Journal::open_with(root.path(), GENEROUS, 2_000, File::sync_data).expect("it is there"));
        assert_eq!(whole(&steps), hashes(&written[..3]));
        assert_eq!(lost(&steps), (vec![(3, 0, [0; 32])], vec![None]), "by {}", foreign.header().batch_no);
    }
}

#[test]
fn a_damaged_head_with_numbers_that_cannot_be_is_none() {
    let frame = segment::frame(&batches(1)[0]);
    let head = FrameHead::decode(&frame).expect("it is whole");
    for head in [
        FrameHead { batch_no: -1, ..head },
        FrameHead { batch_no: i64::MAX, ..head },
        FrameHead { first_seq: -1, ..head },
        FrameHead { first_seq: i64::MAX, ..head },
        FrameHead { n: u32::MAX, ..head },
    ] {
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        assert_eq!(FrameHead::decode(&bytes), None, "{head:?}");
    }
}

#[test]
fn a_first_record_that_stands_once_more_in_the_next_segment_is_not_lost() {
    for from in [0, 2] {
        let written = batches(5);
        let root = TempDir::new().expect("a directory");
        left_by_the_dead(root.path(), std::slice::from_ref(&written[from]));
        let first = segments(root.path()).remove(0);
        let other = TempDir::new().expect("a directory");
        left_by_the_dead(other.path(), &written[from..]);
        let name = format!("{}-1.journal", written[0].header().stream_id);
        fs::copy(&segments(other.path())[0], first.with_file_name(name)).expect("there is room");
        let bytes = fs::read(&first).expect("it is there");
        flip(&first, 5);
        flip(&first, offsets(&bytes)[0] + FRAME_HEAD_BYTES + 5);
        // The head of the other segment tells where that begins.
        flip(&first.with_file_name(format!("{}-1.journal", written[0].header().stream_id)), 5);
        let steps = adopt(root.path());
        assert_eq!((whole(&steps), steps.len()), (hashes(&written[from..]), written.len() - from));
    }
}
