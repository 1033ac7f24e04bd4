//! Files that survive a power cut whole, the old one or the new one.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file: a temporary one beside it, fsync, rename, fsync of the directory. When this returns, a power cut cannot
/// undo it.
///
/// # Errors
/// When it is not known to be on the disk.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let directory = path.parent().context("no directory")?;
    let what = || format!("cannot write '{}'", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(directory)
        .with_context(what)?;
    file.write_all(bytes).with_context(what)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .with_context(what)?;
    file.as_file().sync_all().with_context(what)?;
    file.persist(path).with_context(what)?;
    sync_directory(directory)
}

/// Makes new and renamed files in a directory durable.
///
/// # Errors
/// From fsync(2).
pub fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot sync '{}'", directory.display()))
}
