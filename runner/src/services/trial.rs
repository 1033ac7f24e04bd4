//! Updates on trial (docs/BOOT.md): a new boot entry is booted once, and the boot loader goes on with the good one by
//! itself. Planned at an orderly shutdown of a good deployment; looked at by later boots.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use health_checks::Root;

use crate::deployment::{Deployments, may_try};
use crate::machine::Machine;
use crate::machine::trial::{entry_of, offer, reason_not_to};
use crate::model::deployment::Deployment;
use crate::model::loader::Offer;
use crate::state::trial::{EntrySeen, Trial};
use crate::sys::{boot, mountinfo};

/// The partition with the entries may be unmounted just now, at a shutdown.
const PAUSE: Duration = Duration::from_millis(500);

/// At an orderly shutdown, late: whether the next boot is one on trial.
///
/// # Errors
/// When it should be and is not: the boot loader does what it was told before.
pub fn at_shutdown(root: &Root) -> Result<()> {
    // Nearly everywhere nothing is to be done, and finding out is to cost nothing.
    if boot::in_container(root) || !may_try(root, &mountinfo::read(root)) {
        return Ok(());
    }
    plan_next_boot(Machine::look(root)?)
}

/// Whether the next boot is one on trial, by what is known of this one.
pub(super) fn plan_next_boot(mut machine: Machine) -> Result<()> {
    let Some(booted) = machine.booted().cloned() else {
        return Ok(());
    };
    let reason = reason_not_to(&machine);
    forget_other(&mut machine)?;
    match machine.state.trial.clone() {
        Some(trial) if trial.deployment == booted => go_on(&mut machine, trial, reason),
        _ if reason.is_some() || !machine.state.is_known_good(&booted) => Ok(()),
        _ => plan(&mut machine),
    }
}

/// What was planned of a deployment that is not the default any more: somebody went back from it.
fn forget_other(machine: &mut Machine) -> Result<()> {
    let next = machine.next.as_ref();
    let other = machine
        .state
        .trial
        .take_if(|trial| next.is_some() && Some(&trial.deployment) != next);
    let Some(trial) = other else {
        return Ok(());
    };
    log::info!(
        "{} is on trial no more: it is not the default",
        trial.deployment
    );
    deployments(machine)?.unset_one_shot(&trial.entry)?;
    machine.store.save(&machine.state)
}

/// A boot on trial is shut down, mostly before it was judged: it goes on with the next one. Where it cannot be judged, it
/// is as it was before the plan.
fn go_on(machine: &mut Machine, trial: Trial, reason: Option<&str>) -> Result<()> {
    if !machine.is_default() {
        return Ok(());
    }
    if let Some(reason) = reason {
        log::info!("{} is on trial no more: {reason}", trial.deployment);
        deployments(machine)?.restore_default(&trial.entry, &trial.good)?;
        machine.state.trial = None;
        return machine.store.save(&machine.state);
    }
    let look = deployments(machine)?.look();
    let ours = look
        .default
        .as_ref()
        .is_some_and(|told| told.eq_ignore_ascii_case(&trial.good));
    match entry_of(&look, &trial) {
        EntrySeen::There(left) if ours && left != Some(0) => {
            let offer = Offer {
                entry: trial.entry.clone(),
                good: trial.good.clone(),
                tries_left: left,
            };
            begin(machine, &trial.deployment, offer)
        }
        EntrySeen::There(_) | EntrySeen::Gone | EntrySeen::Unknown => Ok(()),
    }
}

fn plan(machine: &mut Machine) -> Result<()> {
    let Some(new) = machine
        .not_booted_default()
        .filter(|new| !machine.state.is_known_good(new))
    else {
        return Ok(());
    };
    let first = offer(machine, &new);
    let offer = match first {
        Ok(offer) => offer,
        Err(_) => {
            sleep(PAUSE);
            offer(machine, &new)?
        }
    };
    let Some(offer) = offer else {
        return Ok(());
    };
    begin(machine, &new, offer)
}

/// The plan is on the disk before the boot loader is told.
fn begin(machine: &mut Machine, new: &Deployment, offer: Offer) -> Result<()> {
    let before = machine.state.trial.take();
    let died = before
        .filter(|trial| trial.deployment == *new && trial.entry == offer.entry)
        .map_or(0, |trial| trial.died);
    log::info!(
        "{new} is on trial: boot entry '{}' is booted once, and '{}' after it, unless {new} is healthy",
        offer.entry,
        offer.good
    );
    machine.state.trial = Some(Trial {
        boot: machine.boot.clone(),
        deployment: new.clone(),
        entry: offer.entry.clone(),
        good: offer.good.clone(),
        tries_left: offer.tries_left,
        died,
    });
    machine.store.save(&machine.state)?;
    crate::sys::fail_point::reached("trial-planned");
    deployments(machine)?.set_one_shot(&offer.entry, &offer.good)
}

fn deployments(machine: &Machine) -> Result<&dyn Deployments> {
    let all = machine.deployments.as_deref();
    all.context("there is nothing to go back to on this machine")
}
