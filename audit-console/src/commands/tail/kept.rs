//! How far the log was followed, in a file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use audit_core::query::Position;

use crate::failure::Failure;
use crate::render::escape::visible;

/// The file that says how far the log was followed: a line with a position.
pub(super) struct Kept {
    path: PathBuf,
    /// `None` where nothing was kept yet.
    pub(super) position: Option<Position>,
}

impl Kept {
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let shown = || visible(&path.display().to_string()).into_owned();
        let position = match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim_end().parse().map_err(|_| {
                Failure::usage(format!("{} holds no position", shown()))
                    .with_hint("name a file that --state wrote, or one that is not there yet")
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::usage(format!("cannot read {}: {error}", shown()))),
        };
        Ok(Self { path, position })
    }

    /// Writes it down, unless it stands there already.
    pub(super) fn keep(&mut self, position: Position) -> Result<(), Failure> {
        if self.position == Some(position) {
            return Ok(());
        }
        // Put in place at once, so that no half of it is ever there.
        let new = self.path.with_added_extension("new");
        let written = File::create(&new).and_then(|mut file| {
            writeln!(file, "{position}")?;
            file.sync_data()?;
            fs::rename(&new, &self.path)
        });
        written.map_err(|error| {
            let what = format!("cannot write {}: {error}", visible(&self.path.display().to_string()));
            Failure::Failed { what, hint: Some("what was followed since would come again".to_owned()) }
        })?;
        self.position = Some(position);
        Ok(())
    }
}
