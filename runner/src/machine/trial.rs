//! An update on trial, as it can be seen from this boot.

use anyhow::Result;
use health_checks::Mode;
use serde_json::{Value, json};

use crate::bootloader::{Offer, View, detect};
use crate::deployment::snapper::Snapshots;
use crate::machine::Machine;
use crate::model::facts::SnapshotId;
use crate::state::attempts::End;
use crate::state::trial::{Course, Entry, Seen, Trial};
use crate::sys::boot;

impl Machine {
    /// What became of a trial, by what the boot loader did. A boot on trial that died makes this one a boot that the loader
    /// fell back to, unless `Tries=` grants another one: the next orderly shutdown plans it.
    pub(crate) fn look_at_trial(&mut self, view: &View) {
        if boot::in_container(&self.root) {
            return;
        }
        let mut course = self.course_of_trial(view);
        let on_trial = self.state.trial.as_ref();
        let spent = on_trial.map_or(0, |trial| {
            self.state.spent_boots(&trial.snapshot, &self.boot)
        });
        if course == Some(Course::Died)
            && let Some(trial) = self.state.trial.as_mut()
        {
            trial.died = trial.died.saturating_add(1);
            // One that died before it could be counted is known by the boot loader only.
            let spent = spent.max(trial.died as usize);
            let granted = spent < self.config.escalation.tries as usize;
            if granted && !matches!(entry_of(view, trial), Entry::There(Some(0))) {
                log::warn!(
                    "{} died before it was judged, attempts {} of {}: it is tried again after the next orderly shutdown",
                    trial.snapshot,
                    spent,
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

pub fn told(view: &View) -> Option<&str> {
    view.default.as_ref().map(|entry| entry.id.as_str())
}

pub fn entry_of(view: &View, trial: &Trial) -> Entry {
    let mut entries = view.entries.iter();
    match entries.find(|entry| entry.id.eq_ignore_ascii_case(&trial.entry)) {
        Some(entry) => Entry::There(entry.tries_left),
        None if view.entries.is_empty() => Entry::Unknown,
        None => Entry::Gone,
    }
}

/// Why health-checker is not to do anything by itself.
pub fn reason_not_to(machine: &Machine) -> Option<&'static str> {
    match machine.mode {
        Mode::Off | Mode::Report => Some("the kernel command line says so"),
        Mode::Act if !machine.config.errors.is_empty() => Some("the configuration is broken"),
        Mode::Act if machine.runner_is_off() => Some("nobody is going to judge it"),
        Mode::Act => None,
    }
}

pub fn offer(machine: &Machine, booted: &SnapshotId, new: &SnapshotId) -> Result<Option<Offer>> {
    let waiting = machine.state.trial.as_ref();
    let waiting = waiting
        .filter(|trial| trial.snapshot == *new)
        .map(|trial| (trial.entry.as_str(), trial.good.as_str()));
    detect(&machine.root, &machine.mounts).offer(booted, new, waiting)
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
