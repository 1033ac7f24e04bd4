//! `health-probe mount`: a file system is really mounted, really writable, and the right one.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::writable::{absolute, write};
use crate::mountinfo::{self, MountEntry};
use crate::outcome::{Limit, Look, Probe, Problem};
use crate::text::reason;

/// Something is mounted at PATH.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe mount /var --writable\n  health-probe mount /srv/data --type xfs --source LABEL=data"
)]
pub struct Mount {
    /// Where it is to be mounted
    #[arg(value_parser = absolute)]
    pub path: PathBuf,
    /// Type that the file system must have (btrfs, ext4, nfs4, …)
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// What must be mounted there: a device, UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=…, or a source like 'server:/export'
    #[arg(long)]
    pub source: Option<String>,
    /// A file can be created, written to the disk, and removed again
    #[arg(long)]
    pub writable: bool,
}

impl Probe for Mount {
    fn expected(&self) -> String {
        let mut text = match &self.source {
            Some(source) => format!("'{source}' mounted at '{}'", self.path.display()),
            None => format!("'{}' mounted", self.path.display()),
        };
        if let Some(kind) = &self.kind {
            text += &format!(" as '{kind}'");
        }
        if self.writable {
            text += " and writable";
        }
        text
    }

    fn look(&self, _limit: Limit) -> Look {
        // This also starts an automount, as every use of the path would.
        let path = fs::canonicalize(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Problem::not_yet("no such directory"),
            _ => Problem::not_yet(reason(&error)),
        })?;
        let _ = fs::metadata(path.join("."));
        let mountinfo = fs::read("/proc/self/mountinfo").map_err(|error| {
            let error = reason(&error);
            Problem::last(format!("'/proc/self/mountinfo' cannot be read: {error}"))
        })?;
        let there = mountinfo::at(
            &String::from_utf8_lossy(&mountinfo),
            &path.to_string_lossy(),
        );
        let Some(there) = there.filter(|entry| entry.kind != "autofs") else {
            return Err(Problem::not_yet("nothing mounted there"));
        };
        self.judge(&there)?;
        let found = format!("'{}' as '{}'", there.source, there.kind);
        if !self.writable {
            return Ok(found);
        }
        write(&path).map_err(|error| {
            Problem::not_yet(format!("{found}, but writing fails: {}", reason(&error)))
        })?;
        Ok(found + ", writable")
    }
}

impl Mount {
    fn judge(&self, there: &MountEntry) -> Result<(), Problem> {
        if self.kind.as_ref().is_some_and(|kind| *kind != there.kind) {
            return Err(Problem::not_yet(format!(
                "'{}' as '{}'",
                there.source, there.kind
            )));
        }
        if self
            .source
            .as_ref()
            .is_some_and(|source| !is_same(source, &there.source))
        {
            return Err(Problem::not_yet(format!(
                "'{}' mounted there",
                there.source
            )));
        }
        match self.writable && there.is_read_only() {
            true => Err(Problem::not_yet(format!(
                "'{}' mounted read-only",
                there.source
            ))),
            false => Ok(()),
        }
    }
}

/// Whether both names lead to the same device, or are the same name.
fn is_same(wanted: &str, mounted: &str) -> bool {
    let wanted = match wanted.split_once('=') {
        Some((tag @ ("UUID" | "LABEL" | "PARTUUID" | "PARTLABEL"), value)) => {
            format!("/dev/disk/by-{}/{value}", tag.to_lowercase())
        }
        _ => wanted.to_owned(),
    };
    let real = |name: &str| fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
    wanted == mounted
        || (wanted.starts_with('/') && mounted.starts_with('/') && real(&wanted) == real(mounted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn sources_are_compared_by_where_they_lead() {
        let directory = tempfile::tempdir().unwrap();
        let (device, link) = (
            directory.path().join("device"),
            directory.path().join("link"),
        );
        fs::write(&device, "").unwrap();
        symlink(&device, &link).unwrap();
        let (device, link) = (device.to_str().unwrap(), link.to_str().unwrap());
        assert!(is_same(link, device) && is_same("server:/export", "server:/export"));
        assert!(!is_same("/dev/null", device) && !is_same("LABEL=nonexistent", device));
    }
}
