//! Owns the snapshots of a machine that is off: the first layout, and what snapper and transactional-update would do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::machine::Machine;
use crate::mounted::{SUBVOLUMES, set_read_only};

/// Makes the subvolumes of a MicroOS disk on an empty file system; returns the root of snapshot 1.
pub(crate) fn create_layout(disk: &Path) -> Result<PathBuf> {
    let top = disk.join("@");
    let first = top.join(".snapshots/1/snapshot");
    subvolume(&["create"], &[&top])?;
    for name in [".snapshots"].iter().chain(&SUBVOLUMES) {
        let path = top.join(name);
        create_parent(&path)?;
        subvolume(&["create"], &[&path])?;
    }
    create_parent(&first)?;
    subvolume(&["create"], &[&first])?;
    subvolume(&["create"], &[&first.join("etc")])?;
    Ok(first)
}

/// Makes the filled snapshot 1 what it is on an installed system: known to snapper, read-only, the default.
pub(crate) fn finish_layout(disk: &Path) -> Result<()> {
    let directory = disk.join("@/.snapshots/1");
    write_info(&directory, 1, "first root filesystem")?;
    let root = directory.join("snapshot");
    set_read_only(&root, true)?;
    subvolume(&["set-default"], &[&root])
}

impl Machine {
    /// The numbers of all snapshots, ascending.
    pub fn snapshots(&self) -> Result<Vec<u64>> {
        self.edit(|root| {
            let directory = root.join(".snapshots");
            let entries = fs::read_dir(&directory)
                .with_context(|| format!("cannot read '{}'", directory.display()))?;
            let complete = entries
                .flatten()
                .filter(|entry| entry.path().join("snapshot").is_dir());
            let mut numbers: Vec<u64> = complete
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect();
            numbers.sort_unstable();
            Ok(numbers)
        })
    }

    /// The number of the snapshot that the next boot takes.
    pub fn default_snapshot(&self) -> Result<u64> {
        self.edit(default_snapshot)
    }

    /// Makes a snapshot the one that the next boot takes.
    pub fn set_default(&self, number: u64) -> Result<()> {
        self.edit(|root| subvolume(&["set-default"], &[&snapshot(root, number)]))
    }

    /// Copies a snapshot, `/etc` included, as an update would begin; returns the number. The default stays.
    pub fn new_snapshot(&self, from: u64) -> Result<u64> {
        let number = self.snapshots()?.last().map_or(1, |last| last + 1);
        self.edit(|root| {
            let (source, target) = (snapshot(root, from), snapshot(root, number));
            create_parent(&target)?;
            subvolume(&["snapshot"], &[&source, &target])?;
            // The copy has an empty directory in place of the nested subvolume.
            set_read_only(&target, false)?;
            let etc = target.join("etc");
            fs::remove_dir(&etc).with_context(|| format!("cannot remove '{}'", etc.display()))?;
            subvolume(&["snapshot"], &[&source.join("etc"), &etc])?;
            set_read_only(&target, true)?;
            write_info(
                &root.join(format!(".snapshots/{number}")),
                number,
                &format!("Snapshot Update of #{from}"),
            )
        })?;
        Ok(number)
    }

    /// An update while the machine is off: a new snapshot of the default one, edited and made the default.
    pub fn update<T>(&self, edit: impl FnOnce(&Path) -> Result<T>) -> Result<u64> {
        let number = self.new_snapshot(self.default_snapshot()?)?;
        self.edit_snapshot(number, edit)?;
        self.set_default(number)?;
        Ok(number)
    }

    /// Deletes a snapshot, as `snapper delete` does; refuses the default one.
    pub fn delete_snapshot(&self, number: u64) -> Result<()> {
        self.edit(|root| {
            if default_snapshot(root)? == number {
                bail!(
                    "snapshot {number} is the default of machine '{}': set another default first",
                    self.name()
                );
            }
            let path = snapshot(root, number);
            set_read_only(&path, false)?;
            subvolume(&["delete"], &[&path.join("etc"), &path])?;
            let directory = root.join(format!(".snapshots/{number}"));
            fs::remove_dir_all(&directory)
                .with_context(|| format!("cannot remove '{}'", directory.display()))
        })
    }
}

/// The number of the default snapshot of a mounted btrfs.
pub(crate) fn default_snapshot(root: &Path) -> Result<u64> {
    let answer = run(Command::new("btrfs")
        .args(["subvolume", "get-default"])
        .arg(root))?;
    match answer.split_whitespace().last().and_then(number_of) {
        Some(number) => Ok(number),
        None => bail!("the default subvolume is no snapshot: '{}'", answer.trim()),
    }
}

/// The number in a subvolume path `@/.snapshots/N/snapshot`.
pub(crate) fn number_of(subvolume: &str) -> Option<u64> {
    subvolume
        .trim_start_matches('/')
        .strip_prefix("@/.snapshots/")?
        .strip_suffix("/snapshot")?
        .parse()
        .ok()
}

fn snapshot(root: &Path, number: u64) -> PathBuf {
    root.join(format!(".snapshots/{number}/snapshot"))
}

fn subvolume(verb: &[&str], paths: &[&Path]) -> Result<()> {
    run(Command::new("btrfs")
        .args(["-q", "subvolume"])
        .args(verb)
        .args(paths))?;
    Ok(())
}

fn create_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("cannot create '{}'", parent.display()))
}

/// Writes what snapper knows about a snapshot.
fn write_info(directory: &Path, number: u64, description: &str) -> Result<()> {
    let path = directory.join("info.xml");
    let text = format!(
        "<?xml version=\"1.0\"?>\n<snapshot>\n  <type>single</type>\n  <num>{number}</num>\n  \
         <date>2026-01-01 00:00:00</date>\n  <description>{description}</description>\n</snapshot>\n"
    );
    fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn number_of_a_subvolume() {
        assert_eq!(number_of("@/.snapshots/12/snapshot"), Some(12));
        assert_eq!(number_of("/@/.snapshots/1/snapshot"), Some(1));
        for other in [
            "",
            "@",
            "/",
            "@/.snapshots/x/snapshot",
            "@/.snapshots/1/snapshot/etc",
            "<FS_TREE>",
        ] {
            assert_eq!(number_of(other), None, "'{other}'");
        }
    }
}
