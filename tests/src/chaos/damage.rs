//! Damage to what dead programs left in their journals.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::journals::{Record, whole_frames};

/// How many bytes in a row are hit; of each of them, one bit flips.
const HITS: [usize; 3] = [1, 1, 64];

/// A record that was damaged before anybody adopted it.
#[derive(Debug)]
pub(super) struct Damage {
    /// What it held.
    pub(super) record: Record,
    /// Where it lay.
    pub(super) segment: PathBuf,
    offset: usize,
    /// What was left of it.
    bytes: Vec<u8>,
}

impl Damage {
    /// Hits a record of a segment, any of those that were written to their ends.
    pub(super) fn to(segment: &Path, dice: &mut Dice) -> Option<Self> {
        let mut bytes = fs::read(segment).expect("nobody else has it");
        let frames = whole_frames(&bytes);
        if frames.is_empty() {
            return None;
        }
        let frame = frames[dice.below(frames.len())].clone();
        let record = Record::of(&bytes[frame.clone()]);
        let first = frame.start + dice.below(frame.len());
        let last = frame.end.min(first + dice.pick(&HITS));
        for byte in &mut bytes[first..last] {
            *byte ^= 1 << dice.below(8);
        }
        fs::write(segment, &bytes).expect("there is room");
        Some(Self { record, segment: segment.to_owned(), offset: frame.start, bytes: bytes[frame].to_vec() })
    }

    /// Whether an adopter has kept the bytes that were left.
    pub(super) fn is_in_quarantine(&self, journal: &Path) -> bool {
        let writer = self.segment.parent().and_then(Path::file_name).unwrap_or_default();
        let segment = self.segment.file_stem().unwrap_or_default();
        let kept = format!("{}-{}-{}.damaged", writer.display(), segment.display(), self.offset);
        // What follows may be kept with it, where it is no record either.
        fs::read(journal.join(kept)).is_ok_and(|kept| kept.starts_with(&self.bytes))
    }
}
