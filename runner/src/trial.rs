//! Updates on trial (docs/BOOT.md): a new boot entry is booted once, and the boot loader goes on with the good one by
//! itself. Planned at an orderly shutdown of a good snapshot; looked at by later boots.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use health_checks::{Mode, Root};
use serde_json::{Value, json};

use crate::boot;
use crate::bootloader::{BootLoader, Offer, View, detect};
use crate::facts::SnapshotId;
use crate::machine::Machine;
use crate::snapshot::Snapshots;
use crate::snapshot::mountinfo;
use crate::state::attempts::End;
use crate::state::trial::{Course, Entry, Seen, Trial};

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

/// Why health-checker is not to do anything by itself.
fn reason_not_to(machine: &Machine) -> Option<&'static str> {
    match machine.mode {
        Mode::Off | Mode::Report => Some("the kernel command line says so"),
        Mode::Act if !machine.config.errors.is_empty() => Some("the configuration is broken"),
        Mode::Act if machine.runner_is_off() => Some("nobody is going to judge it"),
        Mode::Act => None,
    }
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

fn offer(machine: &Machine, booted: &SnapshotId, new: &SnapshotId) -> Result<Option<Offer>> {
    let waiting = machine.state.trial.as_ref();
    let waiting = waiting
        .filter(|trial| trial.snapshot == *new)
        .map(|trial| (trial.entry.as_str(), trial.good.as_str()));
    detect(&machine.root, &machine.mounts).offer(booted, new, waiting)
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
    crate::fail_point::reached("trial-planned");
    loader.try_once(&offer.entry, &offer.good)
}

impl Machine {
    /// What became of a trial, by what the boot loader did. A boot on trial that died makes this one a boot that the loader
    /// fell back to, unless `Tries=` grants another one: the next orderly shutdown plans it.
    pub(crate) fn look_at_trial(&mut self, view: &View) {
        if boot::in_container(&self.root) {
            return;
        }
        let mut course = self.course_of_trial(view);
        if course == Some(Course::Died)
            && let Some(trial) = self.state.trial.as_mut()
        {
            trial.died = trial.died.saturating_add(1);
            let granted = trial.died < self.config.escalation.tries;
            if granted && !matches!(entry_of(view, trial), Entry::There(Some(0))) {
                log::warn!(
                    "{} died before it was judged, attempts {} of {}: it is tried again after the next orderly shutdown",
                    trial.snapshot,
                    trial.died,
                    self.config.escalation.tries
                );
                trial.boot = self.boot.clone();
                course = Some(Course::Open);
            } else {
                self.fallen_from = self.not_booted_default();
            }
        }
        self.trial = course;
    }

    fn course_of_trial(&self, view: &View) -> Option<Course> {
        let trial = self.state.trial.as_ref()?;
        let default = self.default_snapshot();
        let attempts = self.state.attempts.iter();
        let last = attempts
            .filter(|attempt| attempt.snapshot == trial.snapshot)
            .find(|attempt| attempt.boot != self.boot);
        Some(trial.course(&Seen {
            boot: &self.boot,
            booted: self.booted(),
            default: default.as_ref(),
            selected: view.booted.as_ref().map(|entry| entry.id.as_str()),
            told: told(view),
            one_shot: view.one_shot.as_deref(),
            entry: entry_of(view, trial),
            shut_down:
                last.is_some_and(|last| last.end == End::ShutDown && last.boot != trial.boot),
            known_good: self.state.is_known_good(&trial.snapshot),
        }))
    }

    /// The default snapshot.
    pub(crate) fn default_snapshot(&self) -> Option<SnapshotId> {
        let all = self.snapshots.as_ref().map(Snapshots::all)?;
        all.into_iter()
            .find(|snapshot| Some(snapshot.id) == self.default_id)
    }
}

fn told(view: &View) -> Option<&str> {
    view.default.as_ref().map(|entry| entry.id.as_str())
}

fn entry_of(view: &View, trial: &Trial) -> Entry {
    let mut entries = view.entries.iter();
    match entries.find(|entry| entry.id.eq_ignore_ascii_case(&trial.entry)) {
        Some(entry) => Entry::There(entry.tries_left),
        None if view.entries.is_empty() => Entry::Unknown,
        None => Entry::Gone,
    }
}

/// A trial as it is shown: one that goes on, or one that is planned, or would be at an orderly shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    snapshot: SnapshotId,
    entry: String,
    good: String,
    phase: &'static str,
}

impl Shown {
    /// Looks. `None`: there is none.
    pub fn look(machine: &Machine, view: &View) -> Option<Self> {
        let booted = machine.booted()?;
        let shown = |snapshot: &SnapshotId, entry: &str, good: &str, phase| Self {
            snapshot: snapshot.clone(),
            entry: entry.to_owned(),
            good: good.to_owned(),
            phase,
        };
        if let Some(trial) = &machine.state.trial {
            let phase = match machine.course_of_trial(view)? {
                Course::Open if trial.snapshot == *booted => "going-on",
                Course::Open => "planned",
                Course::Died => "died",
                Course::Dropped | Course::Passed => return None,
            };
            return Some(shown(&trial.snapshot, &trial.entry, &trial.good, phase));
        }
        let would = machine.state.is_known_good(booted)
            && !boot::in_container(&machine.root)
            && reason_not_to(machine).is_none();
        let new = machine.not_booted_default();
        let new = new.filter(|new| would && !machine.state.is_known_good(new))?;
        let offer = offer(machine, booted, &new).ok().flatten()?;
        Some(shown(&new, &offer.entry, &offer.good, "planned"))
    }

    /// In one line.
    pub fn text(&self) -> String {
        let Self {
            snapshot,
            entry,
            good,
            phase,
        } = self;
        match *phase {
            "going-on" => format!(
                "{snapshot} is on trial: if this boot dies, the boot loader goes on with entry '{good}'"
            ),
            "died" => {
                format!("{snapshot} was on trial and died: the boot loader went on with '{good}'")
            }
            _ => format!(
                "{snapshot} is booted once after an orderly shutdown, by entry '{entry}'; if that boot dies, the boot loader \
                 goes on with '{good}'"
            ),
        }
    }

    /// For programs.
    pub fn to_json(shown: Option<&Self>) -> Value {
        shown.map_or(Value::Null, |shown| {
            json!({
                "snapshot": shown.snapshot,
                "entry": shown.entry,
                "good": shown.good,
                "phase": shown.phase,
            })
        })
    }
}
