//! Faults of the operating system: a failing or slow `fsync`, a full disk, a clock that steps.
//!
//! The test compiles `preload/faults.c` with `cc` and starts the program under test with it in `LD_PRELOAD`. The files
//! and the file system are real; only calls on files below one folder are at fault. Linux only, as is the suite.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const FIELDS: u64 = 5;
const LIBRARY: &str = "faults.so";

/// What may be wrong, at its place in the control file.
#[derive(Debug, Clone, Copy)]
enum Field {
    SyncError,
    SyncTakes,
    WriteError,
    ClockAhead,
    Syncs,
}

/// Faults that a program meets once it is started under them, from the moment they are switched on.
#[derive(Debug)]
pub struct Faults {
    prefix: PathBuf,
    folder: TempDir,
    control: File,
}

impl Faults {
    /// No faults yet, for files below a folder.
    #[must_use]
    pub fn below(prefix: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("audit-faults-").tempdir().expect("a temporary folder");
        open_to_all(folder.path());
        compile(folder.path());
        let path = folder.path().join("control");
        let control = OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("a new file");
        control.set_len(FIELDS * 4).expect("room for the control file");
        open_to_all(&path);
        let prefix = prefix.canonicalize().expect("the folder exists");
        Self { prefix, folder, control }
    }

    /// Has a program meet these faults.
    pub fn apply(&self, command: &mut Command) {
        for (name, value) in self.environment() {
            command.env(name, value);
        }
    }

    /// What makes a program, and those it starts, meet these faults.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.folder.path().join(LIBRARY)),
            ("AUDIT_FAULTS_CONTROL", self.folder.path().join("control")),
            ("AUDIT_FAULTS_PREFIX", self.prefix.clone()),
        ]
    }

    /// From now on `fsync` and `fdatasync` fail with EIO.
    pub fn fail_syncs(&self) {
        self.set(Field::SyncError, EIO);
    }

    /// From now on `fsync` and `fdatasync` take so long.
    pub fn slow_syncs(&self, time: Duration) {
        self.set(Field::SyncTakes, i32::try_from(time.as_millis()).expect("a few seconds"));
    }

    /// From now on nothing can be written: ENOSPC.
    pub fn fill_disk(&self) {
        self.set(Field::WriteError, ENOSPC);
    }

    /// From now on the wall clock is ahead by so many seconds, or behind.
    pub fn step_clock(&self, seconds: i32) {
        self.set(Field::ClockAhead, seconds);
    }

    /// How often `fsync` and `fdatasync` were called so far.
    #[must_use]
    pub fn syncs(&self) -> i32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, Field::Syncs as u64 * 4).expect("the control file is there");
        i32::from_ne_bytes(bytes)
    }

    /// No faults from now on.
    pub fn end(&self) {
        for field in [Field::SyncError, Field::SyncTakes, Field::WriteError, Field::ClockAhead] {
            self.set(field, 0);
        }
    }

    fn set(&self, field: Field, value: i32) {
        self.control.write_all_at(&value.to_ne_bytes(), field as u64 * 4).expect("the control file is there");
    }
}

/// Compiles the library, where every user may load it.
fn compile(folder: &Path) {
    let (source, library) = (folder.join("faults.c"), folder.join(LIBRARY));
    std::fs::write(&source, include_str!("preload/faults.c")).expect("the folder is ours");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .expect("cc runs: tests/run installs it");
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    open_to_all(&library);
}

/// A server under test runs as another user than its tests.
fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("permissions of an own file");
}
