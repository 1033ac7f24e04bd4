//! Updates on trial (docs/BOOT.md): a new boot entry is booted once, and the boot loader goes on with the good one by
//! itself. Planned at an orderly shutdown of a good snapshot; looked at by later boots.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use health_checks::Root;

use crate::bootloader::{BootLoader, Offer, detect};
use crate::machine::Machine;
use crate::machine::trial::{entry_of, offer, reason_not_to, told};
use crate::model::facts::SnapshotId;
use crate::state::trial::{Entry, Trial};
use crate::sys::{boot, mountinfo};

/// The partition with the entries may be unmounted just now, at a shutdown.
const PAUSE: Duration = Duration::from_millis(500);

/// At an orderly shutdown, late: whether the next boot is one on trial.
///
/// # Errors
/// When it should be and is not: the boot loader does what it was told before.
pub fn at_shutdown(root: &Root) -> Result<()> {
    // Nearly everywhere nothing is to be done, and finding out is to cost nothing.
    if boot::in_container(root) || !is_told(root) {
        return Ok(());
    }
    let mut machine = Machine::look(root)?;
    let Some(booted) = machine.booted().cloned() else {
        return Ok(());
    };
    let reason = reason_not_to(&machine);
    forget_other(&mut machine)?;
    match machine.state.trial.clone() {
        Some(trial) if trial.snapshot == booted => go_on(&mut machine, trial, reason),
        _ if reason.is_some() || !machine.state.is_known_good(&booted) => Ok(()),
        _ => plan(&mut machine, &booted),
    }
}

/// Whether the boot loader was told what to boot until it is told otherwise.
fn is_told(root: &Root) -> bool {
    let mounts = mountinfo::parse(
        &std::fs::read_to_string(root.join("/proc/self/mountinfo")).unwrap_or_default(),
    );
    detect(root, &mounts).is_told()
}

/// What was planned of a snapshot that is not the default any more: somebody went back from it.
fn forget_other(machine: &mut Machine) -> Result<()> {
    let default = machine.default_snapshot();
    let other = machine
        .state
        .trial
        .take_if(|trial| default.is_some() && Some(&trial.snapshot) != default.as_ref());
    let Some(trial) = other else {
        return Ok(());
    };
    log::info!(
        "{} is on trial no more: it is not the default",
        trial.snapshot
    );
    detect(&machine.root, &machine.mounts).cancel(&trial.entry)?;
    machine.store.save(&machine.state)
}

/// A boot on trial is shut down, mostly before it was judged: it goes on with the next one. Where it cannot be judged, it
/// is as it was before the plan.
fn go_on(machine: &mut Machine, trial: Trial, reason: Option<&str>) -> Result<()> {
    let loader = detect(&machine.root, &machine.mounts);
    if !machine.is_default() {
        return Ok(());
    }
    if let Some(reason) = reason {
        log::info!("{} is on trial no more: {reason}", trial.snapshot);
        loader.take(&trial.entry, &trial.good)?;
        machine.state.trial = None;
        return machine.store.save(&machine.state);
    }
    let view = loader.view(Some(trial.snapshot.number));
    let ours = told(&view).is_some_and(|told| told.eq_ignore_ascii_case(&trial.good));
    match entry_of(&view, &trial) {
        Entry::There(left) if ours && left != Some(0) => {
            let offer = Offer {
                entry: trial.entry.clone(),
                good: trial.good.clone(),
                tries_left: left,
            };
            begin(machine, &*loader, &trial.snapshot, offer)
        }
        Entry::There(_) | Entry::Gone | Entry::Unknown => Ok(()),
    }
}

fn plan(machine: &mut Machine, booted: &SnapshotId) -> Result<()> {
    let Some(new) = machine
        .not_booted_default()
        .filter(|new| !machine.state.is_known_good(new))
    else {
        return Ok(());
    };
    let first = offer(machine, booted, &new);
    let offer = match first {
        Ok(offer) => offer,
        Err(_) => {
            sleep(PAUSE);
            offer(machine, booted, &new)?
        }
    };
    let Some(offer) = offer else {
        return Ok(());
    };
    let loader = detect(&machine.root, &machine.mounts);
    begin(machine, &*loader, &new, offer)
}

/// The plan is on the disk before the boot loader is told.
fn begin(
    machine: &mut Machine,
    loader: &dyn BootLoader,
    new: &SnapshotId,
    offer: Offer,
) -> Result<()> {
    let before = machine.state.trial.take();
    let died = before
        .filter(|trial| trial.snapshot == *new && trial.entry == offer.entry)
        .map_or(0, |trial| trial.died);
    log::info!(
        "{new} is on trial: boot entry '{}' is booted once, and '{}' after it, unless {new} is healthy",
        offer.entry,
        offer.good
    );
    machine.state.trial = Some(Trial {
        boot: machine.boot.clone(),
        snapshot: new.clone(),
        entry: offer.entry.clone(),
        good: offer.good.clone(),
        tries_left: offer.tries_left,
        died,
    });
    machine.store.save(&machine.state)?;
    crate::sys::fail_point::reached("trial-planned");
    loader.try_once(&offer.entry, &offer.good)
}
