//! An update on trial, as it can be seen from this boot.

use anyhow::Result;
use health_checks::Mode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::deployment::to_json_of_kind;
use crate::machine::Machine;
use crate::model::deployment::Deployment;
use crate::model::loader::{Look, Offer};
use crate::state::attempts::Ending;
use crate::state::trial::{EntrySeen, Fate, Seen, Trial};

impl Machine {
    /// What became of a trial, by what the boot loader did. One that died may be granted another boot by `Tries=`: the next
    /// orderly shutdown plans it.
    pub(crate) fn trial_by(&self, look: &Look) -> Option<Fate> {
        let fate = self.fate_of_trial(look).filter(|_| !self.in_container)?;
        let trial = self.state.trial.as_ref()?;
        if fate != Fate::Died {
            return Some(fate);
        }
        // One that died before it could be counted is known by the boot loader only.
        let granted = self.spent_on(trial) < self.config.escalation.tries as usize;
        let is_left = !matches!(entry_of(look, trial), EntrySeen::There(Some(0)));
        Some(if granted && is_left {
            Fate::Again
        } else {
            Fate::Died
        })
    }

    /// Boots that a trial has spent, with the one that died just now.
    pub fn spent_on(&self, trial: &Trial) -> usize {
        let counted = self.state.spent_boots(&trial.deployment, &self.boot);
        counted.max(trial.died.saturating_add(1) as usize)
    }

    fn fate_of_trial(&self, look: &Look) -> Option<Fate> {
        let trial = self.state.trial.as_ref()?;
        let attempts = self.state.attempts.iter();
        let last = attempts
            .filter(|attempt| attempt.deployment == trial.deployment)
            .find(|attempt| attempt.boot != self.boot);
        Some(trial.fate(&Seen {
            boot: &self.boot,
            booted: self.booted(),
            default: self.next.as_ref(),
            selected: look.booted.as_deref(),
            told: look.default.as_deref(),
            one_shot: look.one_shot.as_deref(),
            entry: entry_of(look, trial),
            shut_down:
                last.is_some_and(|last| last.end == Ending::ShutDown && last.boot != trial.boot),
            known_good: self.state.is_known_good(&trial.deployment),
        }))
    }
}

/// The entry on trial, as the boot loader has it now.
pub fn entry_of(look: &Look, trial: &Trial) -> EntrySeen {
    let mut entries = look.entries.iter();
    match entries.find(|(id, _)| id.eq_ignore_ascii_case(&trial.entry)) {
        Some((_, left)) => EntrySeen::There(*left),
        None if look.entries.is_empty() => EntrySeen::Unknown,
        None => EntrySeen::Gone,
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

/// What the boot loader could try: `new`, once.
///
/// # Errors
/// When that cannot be found out.
pub fn offer(machine: &Machine, new: &Deployment) -> Result<Option<Offer>> {
    let waiting = machine.state.trial.as_ref();
    let waiting = waiting
        .filter(|trial| trial.deployment == *new)
        .map(|trial| (trial.entry.as_str(), trial.good.as_str()));
    let all = machine.deployments.as_ref();
    all.map_or(Ok(None), |all| all.can_try(new, waiting))
}

/// A trial as it is shown: one that goes on, or one that is planned, or would be at an orderly shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    deployment: Deployment,
    entry: String,
    good: String,
    phase: Phase,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// At the next orderly shutdown, or done then.
    Planned,
    /// This boot is it.
    GoingOn,
    /// It died.
    Died,
}

impl Shown {
    /// Looks. `None`: there is none.
    pub fn look(machine: &Machine, look: &Look) -> Option<Self> {
        let booted = machine.booted()?;
        let shown = |deployment: &Deployment, entry: &str, good: &str, phase| Self {
            deployment: deployment.clone(),
            entry: entry.to_owned(),
            good: good.to_owned(),
            phase,
        };
        if let Some(trial) = &machine.state.trial {
            let phase = match machine.fate_of_trial(look)? {
                Fate::Open if trial.deployment == *booted => Phase::GoingOn,
                Fate::Open => Phase::Planned,
                Fate::Died | Fate::Again => Phase::Died,
                Fate::Dropped | Fate::Passed => return None,
            };
            return Some(shown(&trial.deployment, &trial.entry, &trial.good, phase));
        }
        let would = machine.state.is_known_good(booted)
            && !machine.in_container
            && reason_not_to(machine).is_none();
        let new = machine.not_booted_default();
        let new = new.filter(|new| would && !machine.state.is_known_good(new))?;
        let offer = offer(machine, &new).ok().flatten()?;
        Some(shown(&new, &offer.entry, &offer.good, Phase::Planned))
    }

    /// In one line.
    pub fn text(&self) -> String {
        let Self {
            deployment,
            entry,
            good,
            phase,
        } = self;
        match phase {
            Phase::GoingOn => format!(
                "{deployment} is on trial: if this boot dies, the boot loader goes on with entry '{good}'"
            ),
            Phase::Died => {
                format!("{deployment} was on trial and died: the boot loader went on with '{good}'")
            }
            Phase::Planned => format!(
                "{deployment} is booted once after an orderly shutdown, by entry '{entry}'; if that boot dies, the boot loader \
                 goes on with '{good}'"
            ),
        }
    }

    /// For programs.
    pub fn to_json(shown: Option<&Self>) -> Value {
        shown.map_or(Value::Null, |shown| {
            json!({
                "snapshot": to_json_of_kind(&shown.deployment),
                "entry": shown.entry,
                "good": shown.good,
                "phase": shown.phase,
            })
        })
    }
}
