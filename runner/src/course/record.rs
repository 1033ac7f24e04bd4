//! What the course of a boot leaves on disk: the incident, the intent, the known good deployment, the history.

use super::Course;
use crate::checks::findings;
use crate::deployment::remove_notes;
use crate::model::deployment::{Deployment, Exists};
use crate::model::facts::Action;
use crate::model::finding::{Finding, Next};
use crate::model::run_files::Settled;
use crate::model::text::failed_names;
use crate::state::incident::{FailedCheck, Progress};
use crate::state::{BootRecord, KnownGood, runtime};
use crate::sys::{fail_point, journal, lease};

impl Course<'_> {
    /// Writes down what came of a step. If that cannot be written, the intent is on disk, which is what counts.
    pub fn finish(&mut self, action: Action, progress: Progress, details: Vec<String>) {
        let Some(incident) = self.machine.state.incident.as_mut() else {
            return;
        };
        incident.finish(action, progress, details);
        let saved = self.save();
        if !saved && action == Action::Rollback && progress == Progress::Done {
            self.leave_note();
        }
    }

    /// The next boot is to know why it is not the one that it should have been.
    fn leave_note(&mut self) {
        let (Some(deployments), Some(incident)) =
            (&self.machine.deployments, &self.machine.state.incident)
        else {
            return;
        };
        if let Err(error) = deployments.leave_note(incident) {
            self.warn(format!("{error:#}"));
        }
    }

    /// The intent, with what failed; a rollback marks the booted deployment as bad.
    pub(super) fn write_down(
        &mut self,
        finding: &Finding,
        action: Action,
        target: Option<&Deployment>,
    ) {
        self.record_incident(finding);
        let boot = self.machine.boot.clone();
        let booted = self.machine.booted().cloned();
        let state = &mut self.machine.state;
        if let Some(incident) = state.incident.as_mut() {
            incident.intend(action, &boot, target);
        }
        if let (Action::Rollback, Some(booted)) = (action, booted) {
            state.mark_bad(
                &booted,
                format!("failed: {}", failed_names(&finding.checks).join(", ")),
            );
        }
        self.remember(finding, action);
    }

    pub(super) fn record_incident(&mut self, finding: &Finding) {
        let (boot, booted) = (self.machine.boot.clone(), self.machine.booted().cloned());
        let of = finding.of.as_ref().unwrap_or(&boot);
        journal::sync();
        let failed = finding
            .checks
            .iter()
            .filter(|check| check.result.is_bad())
            .map(|check| FailedCheck {
                boot: of.clone(),
                deployment: booted.clone(),
                name: check.name.clone(),
                unit: check.unit.clone(),
                result: check.result,
                exit_status: check.exit_status,
                message: check.message.clone(),
                log: match &finding.of {
                    Some(boot) => journal::last_lines_of_boot(&boot.boot_id),
                    None => journal::last_lines(&check.unit),
                },
            })
            .collect();
        self.machine
            .state
            .incident_for(&boot, booted.as_ref())
            .record_failed(failed);
    }

    pub(super) fn remember(&mut self, finding: &Finding, action: Action) {
        let record = BootRecord {
            boot: self.machine.boot.clone(),
            at: crate::sys::boot::seconds_since_1970(),
            deployment: self.machine.booted().cloned(),
            verdict: finding.verdict,
            failed: failed_names(&finding.checks),
            action,
        };
        self.machine.state.remember(record);
    }

    pub(super) fn commit(&mut self, finding: &Finding) -> Next {
        let boot = self.machine.boot.clone();
        let Some(booted) = self.machine.booted().cloned() else {
            return Next::Healthy;
        };
        let settled = runtime::read::<Settled>(&self.machine.root, runtime::SETTLED)
            .is_some_and(|settled| settled.boot == boot && settled.settled);
        let was_open = self.machine.state.open_incident().is_some();
        let deployments = self.machine.deployments.as_deref();
        let exists = |deployment: &Deployment| {
            deployments.map_or(Exists::Unknown, |all| all.exists(deployment))
        };
        let mut bad = self.machine.state.bad_of_incident();
        bad.retain(|deployment| exists(deployment) == Exists::Yes && *deployment != booted);
        let good = KnownGood {
            entry: self.machine.entry.clone(),
            ..KnownGood::new(&booted, settled)
        };
        let released = self.machine.state.commit(good, &boot, &exists);
        self.machine.state.checks = findings::known(self.found, &self.machine.mounts);
        self.remember(finding, Action::None);
        let saved = self.save();
        self.tell_rescue(saved);
        if was_open {
            log::info!("the incident is over; acknowledge it with 'health-checker reset'");
        }
        // Before snapper is called, which may take its time: if we die there, the fail-safe must know that all is well.
        let recorded = format!("{booted} is recorded as known good");
        self.tell_judged();
        self.report(finding, Action::None, recorded.clone());
        fail_point::reached("recorded");
        let told = self.tell_good(&booted, &bad) & self.end_trial(&booted);
        if !self.keep(&released) || !told {
            self.report(finding, Action::None, recorded);
        }
        Next::Healthy
    }

    /// Whether everything could be marked; if not, there are new warnings.
    fn keep(&mut self, released: &[Deployment]) -> bool {
        let good = &self.machine.state.known_good;
        let deployments = self.machine.deployments.as_ref();
        let wrong =
            deployments.map_or_else(Vec::new, |all| all.keep(good, released, &lease::renew));
        let all = wrong.is_empty();
        wrong.into_iter().for_each(|error| self.warn(error));
        all
    }

    /// Whether it could be saved.
    pub(super) fn save(&mut self) -> bool {
        match self.machine.store.save(&self.machine.state) {
            Ok(()) => {
                remove_notes(&mut self.machine.notes);
                true
            }
            Err(error) => {
                self.warn(format!("{error:#}"));
                false
            }
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        log::warn!("{warning}");
        self.machine.warnings.push(warning);
    }
}
