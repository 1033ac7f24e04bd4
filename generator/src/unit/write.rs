//! The files of a check: drop-in and links, written so that a second time changes nothing.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::check::Check;
use crate::unit::render::render;

/// Where the templates are. Only the file name of a link in `.requires/` counts for systemd, so that
/// this need not follow an unusual unit directory.
const UNIT_DIRECTORY: &str = "/usr/lib/systemd/system";

/// Name of the drop-in.
const DROP_IN: &str = "50-health-checker.conf";

/// What a file consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A symbolic link to this.
    Link(PathBuf),
    /// This text.
    Text(String),
}

/// Whether [`write()`] had anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Everything was there already, byte for byte.
    Unchanged,
    /// Something was missing or different.
    Changed,
}

/// All files of a check below the unit directory `out`, in the order in which they are written.
///
/// The link into `link_into` comes last: what it starts must be complete. Without it the check is one that was never
/// started, which the verdict counts as failed.
pub fn files(check: &Check, out: &Path, link_into: &str) -> Vec<(PathBuf, Content)> {
    let mut files = Vec::new();
    if check.is_nothing() || check.disabled {
        // A file that is a link to /dev/null masks its unit, as a unit file of that kind does. So does `Disable=`.
        let null = Content::Link(PathBuf::from("/dev/null"));
        files.push((out.join(&check.unit), null));
    } else {
        if let Some(link) = &check.link {
            files.push((link.path(out), Content::Link(link.target.clone())));
        }
        let directory = out.join(format!("{}.d", check.unit));
        files.push((directory.join(DROP_IN), Content::Text(render(check, out))));
    }
    let template = Path::new(UNIT_DIRECTORY).join(check.origin.template());
    let link = out.join(link_into).join(&check.unit);
    files.push((link, Content::Link(template)));
    files
}

/// Writes the files of a check below the unit directory `out`, and links it into `link_into`, e.g.
/// `health-check.target.requires` (see [`Check::dependency_directory`]).
///
/// # Errors
/// When one of them cannot be written. Those after it are not written then, see [`files`].
pub fn write(check: &Check, out: &Path, link_into: &str) -> io::Result<Written> {
    let mut written = Written::Unchanged;
    for (path, content) in files(check, out, link_into) {
        if write_one(&path, &content)? == Written::Changed {
            written = Written::Changed;
        }
    }
    Ok(written)
}

/// Writes the drop-in of one of our own units, if it needs one.
///
/// # Errors
/// When it cannot be written: then the unit is as it was shipped.
pub fn write_drop_in(drop_in: Option<(PathBuf, Content)>) -> io::Result<()> {
    match drop_in {
        Some((path, content)) => write_one(&path, &content).map(|_| ()),
        None => Ok(()),
    }
}

/// Makes the link to a plugin with an odd path below `unit_dir`, if it needs one, and returns the
/// command that uses it: for transient units, where nothing else has made the link.
pub fn ensure_link(check: &Check, unit_dir: &Path) -> io::Result<Vec<String>> {
    if let Some(link) = &check.link {
        write_one(&link.path(unit_dir), &Content::Link(link.target.clone()))?;
    }
    Ok(check.command_in(unit_dir))
}

pub(crate) fn write_one(path: &Path, content: &Content) -> io::Result<Written> {
    let directory = path.parent().map_or(Ok(()), fs::create_dir_all);
    let result = directory.and_then(|()| match content {
        Content::Link(target) => write_link(path, target),
        Content::Text(text) => write_text(path, text),
    });
    result.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot write '{}': {error}", path.display()),
        )
    })
}

fn write_link(path: &Path, target: &Path) -> io::Result<Written> {
    match symlink(target, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if path.read_link().is_ok_and(|old| old == target) {
                return Ok(Written::Unchanged);
            }
            fs::remove_file(path)?;
            symlink(target, path)?;
        }
        other => other?,
    }
    Ok(Written::Changed)
}

/// Renames the file into place, so that systemd never reads half of it.
fn write_text(path: &Path, text: &str) -> io::Result<Written> {
    let regular = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file());
    if regular && fs::read(path)? == text.as_bytes() {
        return Ok(Written::Unchanged);
    }
    let temporary = path.with_extension("tmp");
    let result = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // Half a file in a full directory helps nobody; the error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    result.map(|()| Written::Changed)
}
