//! Snapshots of snapper on btrfs: which one is booted, which one is the default, which ones exist.

mod deployments;
mod identity;
mod legacy;
mod marks;
mod note;
mod rescue;
mod rollback;
mod salvage;
mod version_1;

use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use health_checks::Root;
use rustix::mount::MountFlags;

use super::{BackEnd, Deployments};
use crate::bootloader;
use crate::bootloader::snapshot::{SnapshotId, number_of};
use crate::model::deployment::{Deployment, Exists};
use crate::sys::btrfs;
use crate::sys::mountinfo::{self, Mount};
pub use deployments::boot_loader;
pub use version_1::upgrade;

/// Where snapper keeps the snapshots of `/`.
const SNAPSHOTS: &str = "/.snapshots";
/// Where we mount them ourselves if the machine did not.
const OWN_MOUNT: &str = "/run/health-checker/snapshots";

/// What the room offers.
pub const BACK_END: BackEnd = BackEnd {
    kind: identity::KIND,
    is_booted: |mounts| booted(mounts).is_some(),
    detect: |root, mounts| {
        let snapshots = Snapshots::detect(root, mounts)?;
        Ok(snapshots.map(|snapshots| Box::new(snapshots) as Box<dyn Deployments>))
    },
    may_try: |root, mounts| bootloader::detect(root, mounts).has_default(),
    to_json: identity::to_json,
};

/// A machine that was booted from a snapshot of snapper on btrfs.
#[derive(Debug)]
struct Snapshots {
    root: Root,
    mounts: Vec<Mount>,
    /// Path of the booted one from the top level of the file system.
    subvolume: String,
    directory: PathBuf,
    booted: SnapshotId,
    /// As it was named for everybody else.
    deployment: Deployment,
}

impl Snapshots {
    /// Looks at `/`. `Ok(None)`: it is not a snapshot, which is no error.
    ///
    /// # Errors
    /// When it looks like a snapshot but cannot be identified.
    fn detect(root: &Root, mounts: &[Mount]) -> Result<Option<Self>> {
        let Some((mount, number)) = booted(mounts) else {
            return Ok(None);
        };
        let booted = identify(number, &root.join("/"))?;
        Ok(Some(Self {
            root: root.clone(),
            mounts: mounts.to_owned(),
            subvolume: mount.root.trim_start_matches('/').to_owned(),
            directory: directory(root, mount, number),
            deployment: identity::deployment(&booted),
            booted,
        }))
    }

    /// Subvolume id of the default subvolume: what is booted next.
    ///
    /// # Errors
    /// From the ioctl (needs CAP_SYS_ADMIN).
    fn default_id(&self) -> Result<u64> {
        let any = File::open(&self.directory).or_else(|_| File::open("/"))?;
        btrfs::default_subvolume(&any).context("the default subvolume cannot be read")
    }

    /// The snapshot with a number, if there is one.
    fn get(&self, number: u64) -> Option<SnapshotId> {
        identify(number, &self.path(number)).ok()
    }

    /// All snapshots that exist, highest number first.
    fn all(&self) -> Vec<SnapshotId> {
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

    /// The default subvolume, if it is a snapshot.
    ///
    /// # Errors
    /// From the ioctl.
    fn default(&self) -> Result<Option<SnapshotId>> {
        let id = self.default_id()?;
        // First the booted one: it is known also where the others cannot be seen.
        Ok(std::iter::once(self.booted.clone())
            .chain(self.all())
            .find(|snapshot| snapshot.id == id))
    }

    /// Whether exactly this snapshot (number, id and uuid) still exists.
    fn exists(&self, snapshot: &SnapshotId) -> Exists {
        if self.get(snapshot.number).as_ref() == Some(snapshot) {
            return Exists::Yes;
        }
        // If not even the booted one can be seen, '/.snapshots' is not there, and says nothing about the others.
        match self.get(self.booted.number) {
            Some(_) => Exists::No,
            None => Exists::Unknown,
        }
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

/// The mount of a booted snapshot, and its number.
fn booted(mounts: &[Mount]) -> Option<(&Mount, u64)> {
    let mount = mountinfo::root_mount(mounts).filter(|mount| mount.kind == "btrfs")?;
    Some((mount, number_of(&mount.root)?))
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
