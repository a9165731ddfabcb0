//! Whom servers run as.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whom servers run as: PostgreSQL and `PgBouncer` refuse to run as root.
pub(super) struct Unprivileged(Option<(u32, u32)>);

impl Unprivileged {
    pub(super) fn find() -> Self {
        if id(&["-u"]) != Some(0) {
            return Self(None);
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
        Self(Some(user.expect("a system has a user `nobody`")))
    }

    /// A new folder of this user's.
    pub(super) fn folder(&self, prefix: &str) -> PathBuf {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().expect("a temporary folder").keep();
        self.own(&folder);
        folder
    }

    /// Gives a folder to this user alone.
    pub(super) fn own(&self, folder: &Path) {
        if let Some((user, group)) = self.0 {
            chown(folder, Some(user), Some(group)).expect("root gives a folder away");
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("permissions of an own folder");
    }

    pub(super) fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null());
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
