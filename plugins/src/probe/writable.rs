//! `health-probe writable`: a file can be created in a directory, written to the disk, and removed again.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::text::reason;

/// A file can be created in the directory PATH, written to the disk, and removed again.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe writable /etc\n  health-probe writable /var/lib/app --timeout 0"
)]
pub struct Writable {
    /// The directory
    #[arg(value_parser = absolute)]
    pub path: PathBuf,
}

/// Paths of the command line: a check has no working directory to speak of.
pub(super) fn absolute(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') {
        true => Ok(text.into()),
        false => Err("write the full path, like '/var'".into()),
    }
}

impl Probe for Writable {
    fn expected(&self) -> String {
        format!("'{}' writable", self.path.display())
    }

    fn look(&self, _limit: Limit) -> Look {
        if !fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Problem::not_yet("no such directory"));
        }
        match write(&self.path) {
            Ok(()) => Ok("writable".to_owned()),
            Err(error) if is_full(&error) && is_everybodys(&self.path) => {
                Ok("writable but full, which any user can make it".to_owned())
            }
            Err(error) => Err(Problem::not_yet(format!(
                "writing fails: {}",
                reason(&error)
            ))),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Whether others may write there: then what fills it says nothing of the system, and decides nothing.
fn is_everybodys(directory: &Path) -> bool {
    let metadata = fs::metadata(directory);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}

/// More than a block of any file system: what is smaller, btrfs keeps beside the metadata, and there is still room for
/// that on a disk that is full.
const LENGTH: usize = 128 << 10;

/// Options may lie (a disk that went read-only, is full, or dead): only a write that has reached the disk proves it.
/// The name is random: in `/tmp`, nobody may be able to make this fail by taking it before.
pub(super) fn write(directory: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".health-probe-")
        .tempfile_in(directory)?;
    file.write_all(&[b'\n'; LENGTH])?;
    file.as_file().sync_all()?;
    file.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn writing_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(write(Path::new("/proc")).is_err());
    }

    #[test]
    fn a_directory_passes_and_anything_else_says_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let look = |path: &Path| {
            Writable {
                path: path.to_owned(),
            }
            .look(Limit::after(Duration::ZERO))
        };
        assert_eq!(look(directory.path()).ok().as_deref(), Some("writable"));
        assert!(look(&directory.path().join("missing")).is_err());
        assert!(look(Path::new("/proc")).is_err());
    }
}
