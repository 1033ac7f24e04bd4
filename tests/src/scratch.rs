//! Owns the directories machines live in: in memory where there is room, and removed even if their process was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::command::run;

/// A machine needs about 150 MiB, four times as much when a test fills it up; two run at a time.
const ROOM: u64 = 1536 * 1024 * 1024;

/// A new directory for a machine of this process.
pub(crate) fn directory(name: &str) -> Result<TempDir> {
    let parents =
        ["/dev/shm", "/var/tmp"].map(|parent| Path::new(parent).join("health-checker-tests"));
    static SWEEP: Once = Once::new();
    SWEEP.call_once(|| parents.iter().for_each(|parent| sweep(parent)));
    let parent = if free("/dev/shm") >= ROOM {
        &parents[0]
    } else {
        &parents[1]
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot create '{}'", parent.display()))?;
    tempfile::Builder::new()
        .prefix(&format!("{}-{name}-", std::process::id()))
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a directory in '{}'", parent.display()))
}

/// Free bytes, none where there is no such file system.
fn free(path: &str) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Removes the directories of processes that are gone. Their containers ended with them.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for directory in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !owner_lives(path))
    {
        for target in mounts_below(&directory).iter().rev() {
            let _ = run(Command::new("umount").arg(target));
        }
        let _ = fs::remove_dir_all(&directory);
    }
}

fn owner_lives(directory: &Path) -> bool {
    let name = directory
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let owner = name.split('-').next().unwrap_or_default();
    Path::new("/proc").join(owner).join("stat").exists()
}

fn mounts_below(directory: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let targets = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from);
    targets
        .filter(|target| target.starts_with(directory))
        .collect()
}
