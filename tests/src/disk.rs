//! A disk that fills up, and is freed again.
//!
//! Where the test may mount (as root), a tmpfs of a few megabytes; elsewhere a folder below which writes fail with
//! ENOSPC, by [`Faults`], for programs that are started under them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::preload::Faults;

/// A folder for a journal, in memory where that is possible: for promises that are not about the time a busy disk takes.
#[must_use]
pub fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a temporary folder")
}

/// A disk that fills up, and is freed again.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    /// `None` for a tmpfs, which needs none to be full.
    faults: Option<Faults>,
}

impl Disk {
    /// A disk of so many megabytes, open to every user.
    #[must_use]
    pub fn of_megabytes(size: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("audit-disk-").tempdir().expect("a temporary folder");
        let options = format!("size={size}m,mode=777");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Self { folder, faults: None };
        }
        eprintln!("the disk that fills up is made full by LD_PRELOAD");
        Self::below(folder)
    }

    /// A folder below which writes fail.
    #[must_use]
    pub fn by_preload() -> Self {
        Self::below(tempfile::Builder::new().prefix("audit-disk-").tempdir().expect("a temporary folder"))
    }

    fn below(folder: TempDir) -> Self {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("an own folder");
        let faults = Some(Faults::below(folder.path()));
        Self { folder, faults }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What programs have to be started under that are to find the disk full.
    #[must_use]
    pub const fn faults(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// Leaves no room.
    pub fn fill(&self) {
        if let Some(faults) = &self.faults {
            return faults.fill_disk();
        }
        let mut filler = File::create(self.filler()).expect("room for an empty file");
        for block in [1 << 20, 1 << 12, 1] {
            let block = vec![0; block];
            let error = loop {
                if let Err(error) = filler.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        match &self.faults {
            Some(faults) => faults.end(),
            None => fs::remove_file(self.filler()).expect("the disk was filled"),
        }
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.faults.is_none() {
            // Lazily: a server may be about to end only now.
            let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
        }
    }
}
