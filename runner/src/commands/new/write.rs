//! Writing one file, and taking it back.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use health_checks::Root;

use super::NewFile;

/// Renamed into place, so that nobody ever reads half of it; without `force`, only if nothing came there meanwhile.
pub fn write(root: &Root, file: &NewFile, force: bool) -> Result<()> {
    let place = root.join(&file.path);
    let cannot = || format!("'{}' cannot be written", file.path.display());
    let directory = place.parent().with_context(cannot)?;
    fs::create_dir_all(directory).with_context(cannot)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(file.mode))
        .tempfile_in(directory)
        .with_context(cannot)?;
    // The mode above is subject to the umask.
    let to_file = temporary
        .write_all(file.text.as_bytes())
        .and_then(|()| {
            temporary
                .as_file()
                .set_permissions(Permissions::from_mode(file.mode))
        })
        .and_then(|()| temporary.as_file().sync_all());
    to_file.with_context(cannot)?;
    let persisted = match force {
        true => temporary.persist(&place),
        false => temporary.persist_noclobber(&place),
    };
    persisted
        .map_err(|error| error.error)
        .with_context(cannot)?;
    Ok(())
}

/// What was there before, or nothing.
pub fn put_back(root: &Root, file: &NewFile, before: Option<Vec<u8>>) -> Result<()> {
    let place = root.join(&file.path);
    let result = match before {
        Some(text) => fs::write(&place, text),
        None => fs::remove_file(&place),
    };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error)
            .with_context(|| format!("'{}' is wrong and cannot be put back", place.display())),
        Ok(()) | Err(_) => Ok(()),
    }
}
