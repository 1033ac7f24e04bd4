//! Snapshots of this machine: which one is booted, which one is the default, which ones exist.

pub mod marks;
pub mod note;
pub mod rescue;
pub mod rollback;
pub mod salvage;

use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use health_checks::Root;
use rustix::mount::MountFlags;

use crate::model::facts::SnapshotId;
use crate::sys::btrfs;
use crate::sys::mountinfo::{self, Mount};

/// Where snapper keeps the snapshots of `/`.
const SNAPSHOTS: &str = "/.snapshots";
/// Where we mount them ourselves if the machine did not.
const OWN_MOUNT: &str = "/run/health-checker/snapshots";

/// A machine that was booted from a snapshot of snapper on btrfs.
#[derive(Debug)]
pub struct Snapshots {
    directory: PathBuf,
    booted: SnapshotId,
}

impl Snapshots {
    /// Looks at `/`. `Ok(None)`: it is not a snapshot, which is no error.
    ///
    /// # Errors
    /// When it looks like a snapshot but cannot be identified.
    pub fn detect(root: &Root, mounts: &[Mount]) -> Result<Option<Self>> {
        let Some(mount) = mountinfo::root_mount(mounts).filter(|mount| mount.kind == "btrfs")
        else {
            return Ok(None);
        };
        let Some(number) = mountinfo::snapshot_number(&mount.root) else {
            return Ok(None);
        };
        let booted = identify(number, &root.join("/"))?;
        let directory = directory(root, mount, number);
        Ok(Some(Self { directory, booted }))
    }

    /// The booted snapshot.
    pub fn booted(&self) -> &SnapshotId {
        &self.booted
    }

    /// Subvolume id of the default subvolume: what is booted next.
    ///
    /// # Errors
    /// From the ioctl (needs CAP_SYS_ADMIN).
    pub fn default_id(&self) -> Result<u64> {
        let any = File::open(&self.directory).or_else(|_| File::open("/"))?;
        btrfs::default_subvolume(&any).context("the default subvolume cannot be read")
    }

    /// The snapshot with a number, if there is one.
    pub fn get(&self, number: u64) -> Option<SnapshotId> {
        identify(number, &self.path(number)).ok()
    }

    /// All snapshots that exist, highest number first.
    pub fn all(&self) -> Vec<SnapshotId> {
        let mut numbers: Vec<u64> = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers
            .into_iter()
            .filter_map(|number| self.get(number))
            .collect()
    }

    /// Whether exactly this snapshot (number, id and uuid) still exists.
    pub fn exists(&self, snapshot: &SnapshotId) -> bool {
        self.get(snapshot.number).as_ref() == Some(snapshot)
    }

    /// Where the files of a snapshot are.
    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string()).join("snapshot")
    }

    /// snapper's description of a snapshot.
    fn info(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string()).join("info.xml")
    }
}

fn identify(number: u64, path: &Path) -> Result<SnapshotId> {
    let what = || {
        format!(
            "snapshot {number} at '{}' cannot be identified",
            path.display()
        )
    };
    let subvolume = btrfs::subvolume(File::open(path).with_context(what)?).with_context(what)?;
    Ok(SnapshotId {
        number,
        id: subvolume.id,
        uuid: subvolume.uuid,
    })
}

/// `/.snapshots`; or, where an update broke its mount, the same subvolume mounted by ourselves.
fn directory(root: &Root, mount: &Mount, number: u64) -> PathBuf {
    let usual = root.join(SNAPSHOTS);
    if usual.join(number.to_string()).join("snapshot").is_dir() {
        return usual;
    }
    let own = root.join(OWN_MOUNT);
    if own.join(number.to_string()).join("snapshot").is_dir() {
        return own;
    }
    let subvolume = mount.root.trim_end_matches(&format!("/{number}/snapshot"));
    match mount_subvolume(&mount.source, subvolume, &own) {
        Ok(()) => {
            log::warn!(
                "'{SNAPSHOTS}' is not mounted: using '{OWN_MOUNT}' instead; see 'systemctl status .snapshots.mount'"
            );
            own
        }
        Err(error) => {
            log::warn!(
                "'{SNAPSHOTS}' is not mounted, and '{subvolume}' of '{}' cannot be mounted: {error:#}",
                mount.source
            );
            usual
        }
    }
}

/// By the system call: an update may have broken mount(8) as well.
fn mount_subvolume(device: &str, subvolume: &str, point: &Path) -> Result<()> {
    std::fs::create_dir_all(point)
        .with_context(|| format!("cannot create '{}'", point.display()))?;
    let options = CString::new(format!("subvol={subvolume}"))?;
    let options = Some(options.as_c_str());
    Ok(rustix::mount::mount(
        device,
        point,
        "btrfs",
        MountFlags::empty(),
        options,
    )?)
}
