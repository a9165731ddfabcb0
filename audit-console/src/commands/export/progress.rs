//! How far an export came, and the file that says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use audit_core::query::Query;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::{Compression, Format, shown};
use crate::failure::Failure;

/// Makes a file that is not there yet.
pub(super) fn create(path: &Path) -> Result<File, Failure> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already", shown(path.display())))
            .with_hint("name another file, or go on with one that broke off: --resume"),
        _ => Failure::failed(&Unwritable { path: shown(path.display()), error }),
    })
}

/// How far an export came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    /// What the command line asked for.
    asked: String,
    /// That with its times fixed.
    pub(super) query: String,
    pub(super) format: Format,
    pub(super) compress: Compression,
    /// The entry written last.
    pub(super) cursor: Option<String>,
    /// Entries written.
    pub(super) entries: u64,
    /// Bytes of the file that hold them.
    pub(super) bytes: u64,
}

impl Mark {
    pub(super) fn new(asked: String, query: &Query, format: Format, compress: Compression) -> Self {
        Self { asked, query: query.filter().to_string(), format, compress, cursor: None, entries: 0, bytes: 0 }
    }

    /// The same from a cursor on.
    pub(super) fn after(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }

    fn asks_the_same(&self, other: &Self) -> bool {
        (&self.asked, self.format, self.compress) == (&other.asked, other.format, other.compress)
    }
}

/// The file that is written, and the one beside it that says how far.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) file: File,
    path: PathBuf,
    resume: PathBuf,
}

impl Progress {
    /// Begins a file that is not there yet, or goes on with one; `None` where that is complete.
    pub(super) fn begin(path: &Path, resume: bool, fresh: Mark) -> Result<Option<(Self, Mark)>, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".resume");
        let beside = PathBuf::from(beside);
        let failed = |error: io::Error| Failure::failed(&Unwritable { path: shown(path.display()), error });
        let left = match fs::read(&beside) {
            Ok(text) if resume => Some(text),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => None,
        };
        let Some(left) = left else {
            if path.exists() && resume {
                return Ok(None);
            }
            let file = create(path)?;
            let progress = Self { file, path: path.to_owned(), resume: beside };
            progress.save(&fresh)?;
            return Ok(Some((progress, fresh)));
        };
        let mark: Mark = serde_json::from_slice(&left).map_err(|error| {
            Failure::wrong(&error).with_hint("the file beside it is damaged: remove both, and begin again")
        })?;
        if !mark.asks_the_same(&fresh) {
            return Err(Failure::usage("the export that broke off asked something else")
                .with_hint("repeat its query, --format and --compress, or remove the file and begin again"));
        }
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
        // What came after the mark may be half an entry.
        file.set_len(mark.bytes).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Some((Self { file, path: path.to_owned(), resume: beside }, mark)))
    }

    /// Brings the file to disk, and then says how far it came.
    pub(super) fn mark(&mut self, mark: &mut Mark) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::failed(&Unwritable { path: shown(self.path.display()), error });
        self.file.sync_data().map_err(failed)?;
        mark.bytes = self.file.stream_position().map_err(failed)?;
        self.save(mark)
    }

    /// Leaves the file alone.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::failed(&Unwritable { path: shown(self.path.display()), error });
        self.file.sync_all().map_err(failed)?;
        fs::remove_file(&self.resume).map_err(failed)
    }

    fn save(&self, mark: &Mark) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::failed(&Unwritable { path: shown(self.resume.display()), error });
        let text = serde_json::to_vec_pretty(mark).map_err(|error| Failure::failed(&error))?;
        // Put in place at once, so that no half of it is ever there.
        let new = self.resume.with_extension("resume.new");
        let mut file = File::create(&new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_data()).map_err(failed)?;
        fs::rename(&new, &self.resume).map_err(failed)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}")]
struct Unwritable {
    path: String,
    error: io::Error,
}

/// It is not drawn where nobody looks, nor among entries that are shown.
pub(super) fn bar(expected: u64, destination: &Destination) -> ProgressBar {
    if destination.is_shown() {
        return ProgressBar::hidden();
    }
    let template = "{bar:40} {human_pos} of about {human_len} entries, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template names only what there is");
    ProgressBar::new(expected).with_style(style)
}
