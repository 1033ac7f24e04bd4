//! Making another snapshot the default one: by the tool of the system, or without it if the update broke it.
//!
//! Success is what the file system says afterwards, never an exit status.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::MountFlags;

use super::Snapshots;
use crate::bootloader::snapshot::SnapshotId;
use crate::deployment::Tools;
use crate::sys::btrfs;
use crate::sys::{command, fail_point};

/// transactional-update with boot loader plug-ins took 34 s in an emulated machine.
const TOOL_LIMIT: Duration = fail_point::limit(180, 8);
/// How long a running update may hold the lock before the next tool is tried.
const LOCK_LIMIT: Duration = Duration::from_secs(600);
const LOCK_POLL: Duration = Duration::from_secs(2);

/// The tools, in the order in which they are tried.
#[derive(Debug, Clone, Copy)]
enum Tool {
    TransactionalUpdate,
    Snapper,
    Btrfs,
}

fn in_order(tools: Tools) -> &'static [Tool] {
    match tools {
        Tools::All => &[Tool::TransactionalUpdate, Tool::Snapper, Tool::Btrfs],
        Tools::WithoutBus => &[Tool::Snapper, Tool::Btrfs],
    }
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::TransactionalUpdate => "transactional-update",
            Self::Snapper => "snapper without D-Bus",
            Self::Btrfs => "btrfs",
        }
    }
}

/// Makes `target` the default and syncs the file system: without that, a power cut within 30 s boots the old
/// default again. Returns what each tool said, for the incident. `tick` is called while waiting.
///
/// # Errors
/// When no tool could do it; the text holds what each of them said.
pub fn roll_back(
    snapshots: &Snapshots,
    target: &SnapshotId,
    tools: Tools,
    tick: &dyn Fn(),
) -> Result<Vec<String>> {
    let mut said = Vec::new();
    let before = snapshots.all();
    let is_default = || is_default(snapshots, target, &before);
    if is_default()? {
        said.push(format!("{target} was the default already"));
    } else {
        for tool in in_order(tools) {
            tick();
            let outcome = match tool {
                Tool::TransactionalUpdate => transactional_update(target, tick),
                Tool::Snapper => snapper(target, tick),
                Tool::Btrfs => set_default(snapshots, target),
            };
            let outcome = outcome.unwrap_or_else(|error| format!("{error:#}"));
            log::info!("rollback to {target} by {}: {outcome}", tool.name());
            said.push(format!("{}: {outcome}", tool.name()));
            if is_default()? {
                break;
            }
        }
    }
    if !is_default()? {
        bail!(
            "{target} could not be made the default ({})",
            said.join("; ")
        );
    }
    sync(snapshots).context("the new default could not be written to the disk")?;
    Ok(said)
}

/// Whether the default is the target, or a new copy of it: on a read-write root, `snapper rollback` makes one.
fn is_default(snapshots: &Snapshots, target: &SnapshotId, before: &[SnapshotId]) -> Result<bool> {
    let default = snapshots.default_id()?;
    if default == target.id {
        return Ok(true);
    }
    let is_copy = |snapshot: &SnapshotId| snapshot.id == default && !before.contains(snapshot);
    let Some(copy) = snapshots.all().into_iter().find(is_copy) else {
        return Ok(false);
    };
    Ok(btrfs::subvolume(File::open(snapshots.path(copy.number))?)?.parent_uuid == target.uuid)
}

fn transactional_update(target: &SnapshotId, tick: &dyn Fn()) -> Result<String> {
    let number = target.number.to_string();
    let started = Instant::now();
    loop {
        let ended = command::run(
            &["transactional-update", "rollback", &number],
            TOOL_LIMIT,
            tick,
        )?;
        // "Couldn't get lock, is another instance already running?": an update is being made right now. If we
        // did not wait for it, it would make its own snapshot the default when it is done.
        let locked = !ended.success() && ended.output.contains("get lock");
        if !locked || started.elapsed() > LOCK_LIMIT {
            return Ok(ended.to_string());
        }
        log::info!(
            "an update holds the lock of transactional-update: waiting for it (at most {} min)",
            LOCK_LIMIT.as_secs() / 60
        );
        std::thread::sleep(LOCK_POLL);
        tick();
    }
}

fn snapper(target: &SnapshotId, tick: &dyn Fn()) -> Result<String> {
    let number = target.number.to_string();
    // "transactional": the target itself becomes the default, not a copy of it.
    let argv = [
        "snapper",
        "--no-dbus",
        "--ambit",
        "transactional",
        "rollback",
        &number,
    ];
    Ok(command::run(&argv, TOOL_LIMIT, tick)?.to_string())
}

fn set_default(snapshots: &Snapshots, target: &SnapshotId) -> Result<String> {
    let directory = &snapshots.directory;
    let set = || -> Result<()> {
        Ok(btrfs::set_default_subvolume(
            File::open(directory)?,
            target.id,
        )?)
    };
    if set().is_err() {
        // Read-only. By the system call: an update may have broken mount(8) as well.
        let remounted = rustix::mount::mount_remount(directory, MountFlags::empty(), "");
        let remounted = remounted.map_or_else(|error| error.to_string(), |()| "done".to_owned());
        set().with_context(|| {
            format!(
                "'{}' is not writable (remount: {remounted})",
                directory.display()
            )
        })?;
    }
    Ok("default subvolume set".to_owned())
}

fn sync(snapshots: &Snapshots) -> Result<()> {
    Ok(rustix::fs::syncfs(File::open(&snapshots.directory)?)?)
}
