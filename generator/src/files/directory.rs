//! Reading one directory: which names in it are worth looking at, in which order.

use std::ffi::{OsStr, OsString};
use std::fs::{FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::files::root::Root;
use crate::files::stage::Stage;

/// Files that editors and package managers leave behind: never checks, and not worth a word.
pub(crate) fn is_leftover(file_name: &OsStr) -> bool {
    const ENDINGS: [&str; 7] = [
        "~", ".bak", ".rpmnew", ".rpmsave", ".rpmorig", ".swp", ".orig",
    ];
    let name = file_name.to_string_lossy();
    name.starts_with('.')
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || name
            .rsplit_once('.')
            .is_some_and(|(_, extension)| extension.starts_with("dpkg-"))
}

/// The names in a directory that are worth looking at, and what was wrong with reading it.
///
/// Links come last: following one may lead to a file system that hangs. Otherwise sorted, so that
/// the same directory always gives the same result.
pub(crate) fn entries(
    root: &Root,
    stage: Stage,
    directory: &Path,
) -> (Vec<OsString>, Option<io::Error>) {
    let reader = match root
        .resolve(directory)
        .and_then(|real| root.join(real).read_dir())
    {
        Ok(reader) => reader,
        Err(error) => {
            let missing = error.kind() == ErrorKind::NotFound
                && (stage == Stage::Early || root.join(directory).symlink_metadata().is_err());
            return (Vec::new(), (!missing).then_some(error));
        }
    };
    let mut names = Vec::new();
    let mut problem = None;
    for entry in reader {
        match entry {
            Ok(entry) => {
                let link = entry
                    .file_type()
                    .is_ok_and(|file_type| file_type.is_symlink());
                names.push((link, entry.file_name()));
            }
            Err(error) => problem = Some(error),
        }
    }
    names.retain(|(_, file_name)| !is_leftover(file_name));
    names.sort();
    (
        names.into_iter().map(|(_, file_name)| file_name).collect(),
        problem,
    )
}

/// What a file that is not a regular one is.
pub(crate) fn kind(file_type: &FileType) -> &'static str {
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// At most `max` bytes of a file that was a regular one a moment ago; should it be a FIFO now, this still
/// does not wait.
pub(crate) fn head(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    // As much as most files have, to read them at once.
    let mut head = Vec::with_capacity(usize::try_from(max.min(4096)).unwrap_or_default());
    file.take(max).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers() {
        for name in [
            ".x",
            "a~",
            "a.bak",
            "a.rpmnew",
            "a.swp",
            "a.dpkg-old",
            "a.sh.orig",
        ] {
            assert!(is_leftover(OsStr::new(name)), "{name}");
        }
        for name in [
            "a",
            "bak",
            "a.sh",
            "a.dpkg",
            "a.dpkg-old.sh",
            "-",
            "rpmsave",
        ] {
            assert!(!is_leftover(OsStr::new(name)), "{name}");
        }
    }
}
