//! The directories with boot entries, on the EFI system partition or the extended boot partition.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use health_checks::Root;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, unmount};

use super::entry::{Boots, FileName, boots};
use super::order::compare;
use crate::bootloader::Entry;
use crate::bootloader::efi::Variables;
use crate::bootloader::snapshot::SnapshotId;
use crate::sys::mountinfo::Mount;
use crate::sys::writable::{sync, with_write_access};

/// Where these partitions are mounted (bootctl(1)).
const POINTS: [&str; 3] = ["/efi", "/boot/efi", "/boot"];
const ENTRIES: &str = "loader/entries";
/// Where we mount one that is not.
const OWN_MOUNT: &str = "/run/health-checker/esp";
/// Set by the boot loader: where it was started from.
const PARTITION: &str = "LoaderDevicePartUUID";
/// Entries are a few lines.
const SIZE_LIMIT: u64 = 64 * 1024;

/// An entry's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// Directory, as the system calls it.
    pub directory: PathBuf,
    /// Its name, taken apart.
    pub name: FileName,
    /// Name of the file.
    pub file: String,
    /// What it boots.
    pub boots: Boots,
}

impl FoundEntry {
    /// Its path, as the system calls it.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.file)
    }

    /// Whether it names this snapshot.
    pub fn is_of(&self, snapshot: &SnapshotId) -> bool {
        self.boots == Boots::Snapshot(snapshot.number)
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

/// What is to be done with the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look at the entries.
    Read,
    /// Rename them.
    Write,
}

/// The directories with entries, for as long as this lives.
#[derive(Debug)]
pub struct Partitions<'m> {
    root: &'m Root,
    mounts: &'m [Mount],
    directories: Vec<PathBuf>,
    /// We mounted one ourselves.
    own: bool,
}

impl<'m> Partitions<'m> {
    /// Looks where the partitions are usually mounted, which triggers an automount. Early in a boot, or where a mount
    /// failed, the partition that the boot loader came from is mounted by ourselves meanwhile.
    ///
    /// # Errors
    /// When there is none, and none can be mounted.
    pub fn open(
        root: &'m Root,
        mounts: &'m [Mount],
        variables: &Variables,
        access: Access,
    ) -> Result<Self> {
        let mut partitions = Self {
            root,
            mounts,
            directories: directories(root, mounts),
            own: false,
        };
        if partitions.directories.is_empty() {
            mount(root, variables, access).with_context(|| {
                format!(
                    "there is no '{ENTRIES}' in {}: see 'bootctl status'",
                    POINTS.map(|point| format!("'{point}'")).join(", ")
                )
            })?;
            partitions.own = true;
            let directory = Path::new(OWN_MOUNT).join(ENTRIES);
            partitions
                .directories
                .extend(root.join(&directory).is_dir().then_some(directory));
        }
        Ok(partitions)
    }

    /// Whether none is mounted where others look for it.
    pub fn are_hidden(&self) -> bool {
        self.own
    }

    /// All entries, and what could not be read.
    pub fn entries(&self) -> (Vec<FoundEntry>, Vec<String>) {
        let (mut entries, mut warnings) = (Vec::new(), Vec::new());
        for directory in &self.directories {
            match of_directory(self.root, directory) {
                Ok(found) => entries.extend(found),
                Err(error) => warnings.push(format!("{error:#}")),
            }
        }
        entries.sort_by(|a: &FoundEntry, b: &FoundEntry| compare(&b.name.id, &a.name.id));
        (entries, warnings)
    }

    /// Gives an entry's file another name, durably. Where another file has that name, both stay as they are.
    ///
    /// # Errors
    /// When it does not have that name afterwards, on the disk.
    pub fn rename(&self, found: &FoundEntry, file: &str) -> Result<()> {
        let old = self.root.join(found.path());
        let new = self.root.join(found.directory.join(file));
        with_write_access(self.root, self.mounts, &found.directory, || {
            let cannot = || format!("cannot rename '{}' to '{file}'", found.path().display());
            match rename_to_new(&old, &new) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
                    "{}: there is a file of that name already; remove the one that is not needed",
                    cannot()
                ),
                renamed => renamed.with_context(cannot)?,
            }
            sync(&new)
        })?;
        if old.exists() || !new.exists() {
            bail!(
                "'{}' was renamed to '{file}', and was not",
                found.path().display()
            );
        }
        Ok(())
    }
}

impl Drop for Partitions<'_> {
    fn drop(&mut self) {
        if self.own
            && let Err(error) = unmount(self.root.join(OWN_MOUNT), UnmountFlags::empty())
        {
            log::warn!("'{OWN_MOUNT}' cannot be unmounted: {error}");
        }
    }
}

/// Renames, and never over what is there: it is an entry as well, whoever made it. vfat can do that.
fn rename_to_new(old: &Path, new: &Path) -> io::Result<()> {
    match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => rename_after_looking(old, new),
        renamed => Ok(renamed?),
    }
}

/// The same for file systems that cannot do it in one go. Nobody else renames entries at that moment.
fn rename_after_looking(old: &Path, new: &Path) -> io::Result<()> {
    match fs::symlink_metadata(new) {
        Ok(_) => Err(Errno::EXIST.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(old, new),
        Err(error) => Err(error),
    }
}

/// Mounts the partition that the boot loader came from. By the system call: an update may have broken mount(8).
fn mount(root: &Root, variables: &Variables, access: Access) -> Result<()> {
    let uuid = variables
        .read(PARTITION)?
        .with_context(|| format!("the boot loader did not set {PARTITION}"))?;
    let device = root.join(format!(
        "/dev/disk/by-partuuid/{}",
        uuid.to_ascii_lowercase()
    ));
    let point = root.join(OWN_MOUNT);
    fs::create_dir_all(&point).with_context(|| format!("cannot create '{OWN_MOUNT}'"))?;
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let flags = match access {
        Access::Read => safe | MountFlags::RDONLY,
        Access::Write => safe,
    };
    rustix::mount::mount(&device, &point, "vfat", flags, None)
        .with_context(|| format!("'{}' cannot be mounted", device.display()))
}

/// All directories with entries, where they are usually mounted.
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

fn of_directory(root: &Root, directory: &Path) -> Result<Vec<FoundEntry>> {
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
        found.push(FoundEntry {
            directory: directory.to_owned(),
            file: file.to_owned(),
            name,
            boots: boots(&String::from_utf8_lossy(&text)),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_renamed_over_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let [old, new, free] = ["old", "new", "free"].map(|name| directory.path().join(name));
        for rename in [rename_to_new, rename_after_looking] {
            fs::write(&old, "old").unwrap();
            fs::write(&new, "new").unwrap();
            let error = rename(&old, &new).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&old).unwrap(), "old");
            assert_eq!(fs::read_to_string(&new).unwrap(), "new");
            rename(&old, &free).unwrap();
            assert_eq!(fs::read_to_string(&free).unwrap(), "old");
            fs::remove_file(&free).unwrap();
        }
    }
}
