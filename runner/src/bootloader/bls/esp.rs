//! The directories with boot entries, on the EFI system partition or the extended boot partition.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use health_checks::Root;

use super::entry::{Boots, FileName, boots};
use crate::bootloader::Entry;
use crate::bootloader::writable::{sync, with_write_access};
use crate::snapshot::mountinfo::Mount;

/// Where these partitions are mounted (bootctl(1)).
const POINTS: [&str; 3] = ["/efi", "/boot/efi", "/boot"];
const ENTRIES: &str = "loader/entries";
/// Entries are a few lines.
const SIZE_LIMIT: u64 = 64 * 1024;

/// An entry's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Directory, as the system calls it.
    pub directory: PathBuf,
    /// Its name, taken apart.
    pub name: FileName,
    /// Name of the file.
    pub file: String,
    /// What it boots.
    pub boots: Boots,
}

impl Found {
    /// Its path, as the system calls it.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.file)
    }

    /// No start is left.
    pub fn is_bad(&self) -> bool {
        self.name.left == Some(0)
    }

    /// As it is shown, where `default` is the snapshot that is the default subvolume.
    pub fn entry(&self, default: Option<u64>) -> Entry {
        Entry {
            id: self.name.id.clone(),
            path: Some(self.path()),
            snapshot: match self.boots {
                Boots::Snapshot(number) => Some(number),
                Boots::Default => default,
                Boots::Other => None,
            },
            tries_left: self.name.left,
            tries_done: self.name.done,
        }
    }
}

/// All directories with entries. To look into it triggers an automount.
pub fn directories(root: &Root, mounts: &[Mount]) -> Vec<PathBuf> {
    let others = mounts.iter().filter(|mount| mount.kind == "vfat");
    let others = others.map(|mount| mount.point.as_str());
    let mut directories: Vec<PathBuf> = Vec::new();
    for point in POINTS.into_iter().chain(others) {
        let directory = Path::new(point).join(ENTRIES);
        if !directories.contains(&directory) && root.join(&directory).is_dir() {
            directories.push(directory);
        }
    }
    directories
}

/// All entries, and what could not be read.
pub fn entries(root: &Root, mounts: &[Mount]) -> (Vec<Found>, Vec<String>) {
    let (mut entries, mut warnings) = (Vec::new(), Vec::new());
    let directories = directories(root, mounts);
    if directories.is_empty() {
        warnings.push(format!(
            "there is no '{ENTRIES}' in {}: the EFI system partition is not mounted; see 'bootctl status'",
            POINTS.map(|point| format!("'{point}'")).join(", ")
        ));
    }
    for directory in directories {
        match of_directory(root, &directory) {
            Ok(found) => entries.extend(found),
            Err(error) => warnings.push(format!("{error:#}")),
        }
    }
    entries.sort_by(|a: &Found, b: &Found| super::entry::compare(&b.name.id, &a.name.id));
    (entries, warnings)
}

fn of_directory(root: &Root, directory: &Path) -> Result<Vec<Found>> {
    let what = || format!("cannot read '{}'", directory.display());
    let mut found = Vec::new();
    for item in fs::read_dir(root.join(directory)).with_context(what)? {
        let file = item.with_context(what)?.file_name();
        let Some((file, name)) = file
            .to_str()
            .and_then(|file| Some((file, FileName::parse(file)?)))
        else {
            continue;
        };
        let path = root.join(directory).join(file);
        let small = fs::metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= SIZE_LIMIT);
        // One that cannot be read is still there, and may be the default.
        let text = if small {
            fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        found.push(Found {
            directory: directory.to_owned(),
            file: file.to_owned(),
            name,
            boots: boots(&String::from_utf8_lossy(&text)),
        });
    }
    Ok(found)
}

/// Gives an entry's file another name, durably.
///
/// # Errors
/// When it does not have that name afterwards, on the disk.
pub fn rename(root: &Root, mounts: &[Mount], found: &Found, file: &str) -> Result<()> {
    let (old, new) = (
        root.join(found.path()),
        root.join(found.directory.join(file)),
    );
    with_write_access(root, mounts, &found.directory, || {
        if old != new {
            fs::rename(&old, &new).with_context(|| {
                format!("cannot rename '{}' to '{file}'", found.path().display())
            })?;
        }
        sync(&new)
    })?;
    if !new.exists() {
        bail!(
            "'{}' was renamed to '{file}', but it is not there",
            found.path().display()
        );
    }
    Ok(())
}
