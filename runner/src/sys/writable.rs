//! Writing where it is read-only, by its mount or as a snapshot: /boot and the ESP often are. Made writable for the moment,
//! and back.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use health_checks::Root;
use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountFlags, mount_remount};

use crate::sys::btrfs::{self, READ_ONLY};
use crate::sys::mountinfo::{self, Mount};

/// Does something to what lies at `path` (as the system calls it), with its mount and its snapshot writable meanwhile.
///
/// # Errors
/// From making it writable, and from what is done.
pub fn with_write_access<T>(
    root: &Root,
    mounts: &[Mount],
    path: &Path,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let act = || in_writable_snapshot(root, path, act);
    let flags = || {
        rustix::fs::statvfs(root.join(path))
            .map(|file_system| file_system.f_flag)
            .with_context(|| format!("cannot look at the file system of '{}'", path.display()))
    };
    let read_only = || anyhow::Ok(flags()?.contains(StatVfsMountFlags::RDONLY));
    let point = mountinfo::mount_point_of(mounts, &path.to_string_lossy());
    let (true, Some(point)) = (read_only()?, point) else {
        return act();
    };
    let kept = options(flags()?);
    let remount = |more| mount_remount(root.join(point), kept | more, "");
    let cannot = || {
        format!(
            "'{point}' is mounted read-only and cannot be made writable: try 'mount -o remount,rw {point}'"
        )
    };
    // This mount alone, if that is enough: without 'bind', all mounts of a btrfs would become read-only afterwards.
    let mut alone = MountFlags::BIND;
    remount(alone).with_context(cannot)?;
    if read_only()? {
        alone = MountFlags::empty();
        remount(alone).with_context(cannot)?;
    }
    let done = act();
    if let Err(error) = remount(alone | MountFlags::RDONLY) {
        log::warn!("'{point}' was mounted read-only, and is writable now: {error}");
    }
    done.with_context(|| format!("on '{point}', made writable for the moment"))
}

/// A read-only snapshot stays so through every mount: /boot is a part of the root's on openSUSE.
fn in_writable_snapshot<T>(root: &Root, path: &Path, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some((top, flags)) = read_only_snapshot(&root.join(path)) else {
        return act();
    };
    btrfs::set_flags(&top, flags & !READ_ONLY).with_context(|| {
        format!(
            "'{}' is in a read-only snapshot, which cannot be made writable",
            path.display()
        )
    })?;
    let done = act();
    if let Err(error) = btrfs::set_flags(&top, flags) {
        log::warn!(
            "the snapshot with '{}' was read-only, and is writable now: {error}; see btrfs-property(8)",
            path.display()
        );
    }
    done
}

/// The top of the subvolume with this file, and its flags, if it is read-only. Each subvolume is a device of its own.
fn read_only_snapshot(file: &Path) -> Option<(File, u64)> {
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
    let directories = || file.ancestors().skip(1);
    let here = device(directories().next()?)?;
    let inside = directories().take_while(|above| device(above) == Some(here));
    let top = File::open(inside.last()?).ok()?;
    let flags = btrfs::flags(&top).ok()?;
    (flags & READ_ONLY != 0).then_some((top, flags))
}

/// A remount sets all options anew: those that are to stay.
fn options(flags: StatVfsMountFlags) -> MountFlags {
    let pairs = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::SYNCHRONOUS, MountFlags::SYNCHRONOUS),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = pairs.into_iter().filter(|(flag, _)| flags.contains(*flag));
    kept.map(|(_, option)| option).collect()
}

/// Brings a file, its directory and the file system around them to the disk.
///
/// # Errors
/// When it is not known to be there.
pub fn sync(file: &Path) -> Result<()> {
    let what = || format!("cannot bring '{}' to the disk", file.display());
    let directory = file.parent().unwrap_or(Path::new("/"));
    if file.exists() {
        File::open(file)
            .and_then(|file| file.sync_all())
            .with_context(what)?;
    }
    let directory = File::open(directory).with_context(what)?;
    directory.sync_all().with_context(what)?;
    rustix::fs::syncfs(&directory).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_other_than_read_only_are_kept() {
        let flags =
            StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOEXEC | StatVfsMountFlags::RELATIME;
        assert_eq!(options(flags), MountFlags::NOEXEC | MountFlags::RELATIME);
    }
}
