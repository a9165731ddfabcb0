//! Files and directories that nobody else may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::error::JournalError;
use super::name::Name;

/// A new file of mode 0600.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A file with these bytes, all of them on the disk before it has its name.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let scratch = path.with_added_extension(Name::SCRATCH);
    remove(&scratch)?;
    let written = create_private(&scratch).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    if let Err(error) = written {
        // What stays of it is removed by whoever writes it again.
        let _ = fs::remove_file(&scratch);
        return Err(JournalError::io("write", &scratch)(error));
    }
    fs::rename(&scratch, path).map_err(JournalError::io("name", path))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// A directory of mode 0700, with those above it, unless it is there already.
pub(super) fn create_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the names in a directory as durable as the files. Only Unix has (and needs) this.
pub(super) fn sync_directory(path: &Path) -> Result<(), JournalError> {
    if cfg!(unix) {
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(JournalError::io("bring to the disk", path))?;
    }
    Ok(())
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The bytes of all files below a directory. Files that vanish meanwhile count as nothing.
pub(super) fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
