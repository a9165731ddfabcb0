//! The files of a journal, as they lie on the disk.

use std::fs;
use std::path::{Path, PathBuf};

/// Where frames begin; no payload looks like it.
const MAGIC: [u8; 4] = [0xff, 0x41, 0x4a, 0xfe];

/// Every file below a folder.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The segments of all writers.
#[must_use]
pub fn segments(root: &Path) -> Vec<PathBuf> {
    files(root).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "journal")).collect()
}

/// Where the frames of a segment begin.
#[must_use]
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&MAGIC)).collect()
}
