//! Where PostgreSQL is installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const OLDEST: u32 = 15;

/// The folder of the newest installed `initdb` and `postgres`, version 15 or later: on PATH, or where Debian,
/// Homebrew, PGDG and a build from source put them.
pub(super) fn folder() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path)
        .chain(subfolders("/usr/lib/postgresql", ""))
        .chain(subfolders("/usr", "pgsql-"))
        .chain(subfolders("/opt/homebrew/opt", "postgresql"))
        .chain(subfolders("/usr/local/opt", "postgresql"))
        .chain([PathBuf::from("/usr/local/pgsql/bin")]);
    let newest = folders
        .filter_map(|folder| Some((version(&folder)?, folder)))
        .filter(|(version, _)| *version >= OLDEST)
        .max_by_key(|(version, _)| *version);
    let (_, folder) = newest.unwrap_or_else(|| {
        panic!(
            "no PostgreSQL {OLDEST} or later is installed: run `tests/run`, or install it with `apt-get install \
             postgresql`, `brew install postgresql@17` or your system's like"
        )
    });
    folder
}

/// What the installed server says of itself.
#[must_use]
pub fn version_text() -> String {
    let output = Command::new(folder().join("postgres")).arg("--version").output().expect("it has run before");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `bin` in each folder under `parent` whose name begins with `prefix`.
fn subfolders(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join("bin"))
        .collect()
}

/// The major version of the `postgres` in a folder that also holds `initdb`.
fn version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
