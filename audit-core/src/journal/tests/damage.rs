//! What damage to the journal's files costs, and what is told of it.

use super::name::Name;
use super::*;

/// What a process leaves that dies with a segment of these bytes.
fn left_as(root: &Path, segment: &Path, bytes: &[u8]) {
    let directory = root.join(segment.parent().and_then(Path::file_name).expect("it lies in one"));
    fs::create_dir(&directory).expect("the root is writable");
    fs::write(directory.join(name::LOCK), "").expect("it can be written");
    fs::write(directory.join(segment.file_name().expect("it has a name")), bytes).expect("it can be written");
}

/// What a process leaves that dies with these batches in one segment: that, and where its frames begin.
fn segment_of(root: &TempDir, batches: &[Batch]) -> (PathBuf, Vec<usize>) {
    left_by_the_dead(root.path(), batches);
    let path = segments(root.path()).remove(0);
    let offsets = offsets(&fs::read(&path).expect("it is there"));
    (path, offsets)
}

/// Adds a later segment to one, with these batches.
fn followed_by(segment: &Path, batches: &[Batch]) -> PathBuf {
    let other = TempDir::new().expect("a directory");
    let (written, _) = segment_of(&other, batches);
    let later = Name::Segment { stream_id: batches[0].header().stream_id, number: 1 };
    let later = segment.with_file_name(later.to_string());
    fs::copy(written, &later).expect("there is room");
    later
}

#[test]
fn a_last_record_torn_at_any_byte_is_cut_off_and_costs_no_other() {
    let written = batches(3);
    let root = TempDir::new().expect("a directory");
    let (path, offsets) = segment_of(&root, &written);
    let segment = fs::read(&path).expect("it is there");
    for end in offsets[2]..offsets[3] {
        let root = TempDir::new().expect("a directory");
        left_as(root.path(), &path, &segment[..end]);
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
    let (path, offsets) = segment_of(&root, &written);
    let segment = fs::read(&path).expect("it is there");
    for at in offsets[1]..offsets[2] {
        let root = TempDir::new().expect("a directory");
        let mut segment = segment.clone();
        segment[at] ^= 1 << (at % 8);
        left_as(root.path(), &path, &segment);
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
        let (path, offsets) = segment_of(&root, &written);
        flip(&path, offsets[1] + at);
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
fn neighbouring_damaged_records_leave_a_stream_without_a_missing_number() {
    let written = batches(4);
    let root = TempDir::new().expect("a directory");
    let (path, offsets) = segment_of(&root, &written);
    flip(&path, offsets[1]);
    flip(&path, offsets[2]);
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
    let (path, offsets) = segment_of(&root, &written);
    let payload = FRAME_HEAD_BYTES + 5;
    flip(&path, offsets[1]);
    flip(&path, offsets[2] + payload);
    flip(&path, offsets[3] + payload);
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
    let (first, offsets) = segment_of(&root, &written[..2]);
    // As after a failed fsync: the record is written again, to a new file.
    followed_by(&first, &written[1..]);
    flip(&first, offsets[1] + FRAME_HEAD_BYTES + 5);
    let steps = adopt(root.path());
    assert_eq!((whole(&steps), steps.len()), (hashes(&written), 3));
}

#[test]
fn a_first_record_that_stands_once_more_in_the_next_segment_is_not_lost() {
    for from in [0, 2] {
        let written = batches(5);
        let root = TempDir::new().expect("a directory");
        let (first, offsets) = segment_of(&root, std::slice::from_ref(&written[from]));
        let second = followed_by(&first, &written[from..]);
        flip(&first, 5);
        flip(&first, offsets[0] + FRAME_HEAD_BYTES + 5);
        // Nor does the other segment's head tell where that begins.
        flip(&second, 5);
        let steps = adopt(root.path());
        assert_eq!((whole(&steps), steps.len()), (hashes(&written[from..]), written.len() - from));
    }
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
        let (path, offsets) = segment_of(&root, &written[from..]);
        flip(&path, 5);
        flip(&path, offsets[0] + at);
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
    let (path, offsets) = segment_of(&root, &written);
    flip(&path, offsets[2] + FRAME_HEAD_BYTES + 5);
    flip(&path, offsets[3]);
    let steps = adopt(root.path());
    assert_eq!(whole(&steps), hashes(&written[..2]));
    let told = vec![(2, 3, *written[2].header_hash()), (3, 0, [0; 32])];
    assert_eq!(lost(&steps), (told, vec![Some(3), None]));
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
fn damage_under_a_living_writer_costs_the_damaged_batch_alone() {
    let root = TempDir::new().expect("a directory");
    let written = batches(4);
    let backlog = backlog_of(&root, &written);
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
