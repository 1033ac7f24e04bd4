//! The course of a boot after the verdict: decide by the policy, write down, act. Used by the service and by the
//! fail-safe alike; they differ in what they can still do.

pub mod act;
mod fallback;
mod loader;
pub mod login;
mod record;
mod trial;

use anyhow::Result;
use health_checks::Found;

use crate::checks::findings;
use crate::deployment::Tools;
use crate::machine::Machine;
use crate::machine::ladder::explain;
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, Verdict};
use crate::model::finding::{Finding, Next, Stage};
use crate::model::report::Report;
use crate::model::units::RUNNER;
use crate::policy::{Decision, Facts, Record, Restraint, Standing, Why, decide};
use crate::state::incident::Progress;
use crate::state::runtime;
use crate::sys::bus::Manager;
use crate::sys::{fail_point, lease, messages};

/// The machine in the course of a boot.
#[derive(Debug)]
pub struct Course<'m> {
    /// What is known of the machine.
    pub machine: &'m mut Machine,
    /// The bus, where there is one.
    pub manager: Option<&'m Manager>,
    /// The plugins.
    pub found: &'m Found,
    /// Why only to report, as it was at the beginning.
    pub restraint: Option<Restraint>,
    /// What can be done.
    pub stage: Stage,
}

impl Course<'_> {
    /// From a finding to its consequences.
    ///
    /// # Errors
    /// When the machine should be rebooted and cannot.
    pub fn follow(&mut self, finding: &Finding) -> Result<Next> {
        self.follow_trial();
        let mut record = Record::Durable;
        loop {
            let (action, step) = match decide(&self.facts(finding, record)) {
                Decision::Stay => {
                    self.stay();
                    continue;
                }
                Decision::Commit => return Ok(self.commit(finding)),
                Decision::Report(why) => return Ok(self.report_only(finding, why)),
                Decision::Act(Action::Rollback) => {
                    (Action::Rollback, self.machine.rollback_target())
                }
                Decision::Act(action) => (action, None),
            };
            fail_point::reached("decided");
            if record == Record::Durable {
                self.write_down(finding, action, step.as_ref());
                if let Err(error) = self.machine.store.save(&self.machine.state) {
                    log::error!(
                        "what is to be done cannot be written down, so less will be done: {error:#}"
                    );
                    self.machine.warnings.push(format!("{error:#}"));
                    record = Record::Impossible;
                    continue;
                }
            }
            fail_point::reached("intended");
            self.tell_judged();
            self.report(
                finding,
                action,
                self.why(action, step.as_ref(), self.machine.standing()),
            );
            match self.act(action, step.as_ref())? {
                Some(next) => return Ok(next),
                // It failed and is spent now: what comes after it on the ladder?
                None => continue,
            }
        }
    }

    /// Finishes what a runner that died in this boot had begun: the same action, not another one. `None`: it had begun
    /// none, or it failed and is spent now.
    ///
    /// # Errors
    /// When the machine should be rebooted and cannot.
    pub fn resume(&mut self, begun: Action) -> Result<Option<Next>> {
        match begun {
            Action::None | Action::Restart => Ok(None),
            Action::Reboot | Action::Stop => self.act(begun, None),
            // It was to stay here: that is decided again, and leads nowhere else.
            Action::Rollback if self.machine.is_to_stay() => Ok(None),
            Action::Rollback => match self.machine.rollback_target() {
                // Finished but for the reboot: the default is another one already.
                None if !self.machine.is_default() => self.reboot(),
                // Nowhere to go any more.
                None => Ok(None),
                Some(target) => self.act(begun, Some(&target)),
            },
        }
    }

    /// Whether all that is left is to go back. Early in a boot, nothing else helps.
    pub fn goes_back(&self, finding: &Finding) -> bool {
        let facts = Facts {
            // That it may stay is no reason to go back.
            fell_back: false,
            ..self.facts(finding, Record::Durable)
        };
        decide(&facts) == Decision::Act(Action::Rollback)
    }

    fn facts(&self, finding: &Finding, record: Record) -> Facts {
        self.machine
            .facts(finding, self.stage, self.restraint, record)
    }

    /// `Some`: done. `None`: it failed, the ladder goes on.
    fn act(&mut self, action: Action, target: Option<&Deployment>) -> Result<Option<Next>> {
        match (action, target) {
            (Action::Restart, _) => Ok(Some(Next::RestartServices)),
            (Action::Rollback, Some(target)) => {
                let Some(from) = self.machine.booted().cloned() else {
                    return Ok(None);
                };
                if !self.roll_back(&from, target) {
                    return Ok(None);
                }
                self.reboot()
            }
            (Action::Reboot, _) => self.reboot(),
            (Action::Stop, _) => {
                let details = act::stop::stop_services(self.found);
                fail_point::reached("stopped");
                self.finish(Action::Stop, Progress::Done, details);
                // The last thing that is done: it may be our end.
                if let Err(error) = act::mode::enter(self.machine.config.escalation.stop) {
                    log::error!(HEALTH_ACTION = "stop"; "{error:#}");
                    self.finish(Action::Stop, Progress::Failed, vec![format!("{error:#}")]);
                }
                Ok(Some(Next::Unhealthy))
            }
            (Action::None | Action::Rollback, _) => Ok(Some(Next::Unhealthy)),
        }
    }

    fn reboot(&self) -> Result<Option<Next>> {
        lease::status("Rebooting");
        fail_point::reached("before-reboot");
        act::reboot::reboot(&self.machine.root, &self.machine.boot, self.manager)?;
        Ok(Some(Next::Rebooting))
    }

    fn roll_back(&mut self, from: &Deployment, target: &Deployment) -> bool {
        let Some(deployments) = self.machine.deployments.as_ref() else {
            return false;
        };
        lease::status(&format!("Rolling back to {target}"));
        let tools = match self.stage {
            Stage::Early | Stage::NoBus => Tools::WithoutBus,
            Stage::System => Tools::All,
        };
        let entry = self.machine.state.entry_of(target);
        let rolled_back = deployments.set_next(from, target, entry, tools, &lease::renew);
        match rolled_back {
            Ok(details) => {
                fail_point::reached("rolled-back");
                self.forget_trial(from);
                self.finish(Action::Rollback, Progress::Done, details);
                true
            }
            Err(error) => {
                log::error!(HEALTH_ACTION = "rollback"; "the rollback failed: {error:#}");
                self.finish(
                    Action::Rollback,
                    Progress::Failed,
                    vec![format!("{error:#}")],
                );
                false
            }
        }
    }

    fn report_only(&mut self, finding: &Finding, why: Why) -> Next {
        let good = matches!(finding.verdict, Verdict::Healthy | Verdict::Degraded);
        let reason = match why {
            Why::Restrained(restraint) => explain(restraint),
            Why::Unrecordable => "no intent can be written to /var, and nothing is done without",
            Why::LadderEnds => {
                "health-checker.conf allows no further step here: see 'health-checker config'"
            }
        };
        // On trial, and nothing may be done about it: as if it had never been on trial.
        if let (Why::Restrained(Restraint::CommandLine | Restraint::Configuration), Some(booted)) =
            (why, self.machine.booted().cloned())
        {
            self.end_trial(&booted);
        }
        // A boot by hand changes nothing, and a container may see the state of its host.
        let (keeps_history, keeps_incident) = match why {
            Why::Restrained(Restraint::Container) => (false, false),
            Why::Restrained(Restraint::NotDefault) => (true, false),
            Why::Restrained(_) | Why::Unrecordable | Why::LadderEnds => (true, true),
        };
        if good && why == Why::Restrained(Restraint::NothingToGoBackTo) {
            let boot = self.machine.boot.clone();
            self.machine.state.checks = findings::known(self.found, &self.machine.mounts);
            if let Some(incident) = self
                .machine
                .state
                .incident
                .as_mut()
                .filter(|incident| incident.is_open())
            {
                incident.end(&boot, None);
            }
        }
        if !good && keeps_incident {
            self.record_incident(finding);
        }
        if keeps_history {
            self.remember(finding, Action::None);
            self.save();
        }
        if !good {
            log::warn!(MESSAGE_ID = messages::REPORT_ONLY, HEALTH_ACTION = "none", OBJECT_SYSTEMD_UNIT = RUNNER; "nothing is done about it: {reason}");
        }
        self.tell_judged();
        self.report(finding, Action::None, format!("only reported: {reason}"));
        if good { Next::Healthy } else { Next::Unhealthy }
    }

    fn report(&mut self, finding: &Finding, action: Action, why: String) {
        if self.stage == Stage::Early {
            // It is about an earlier boot; this one may still be judged.
            return;
        }
        let report = Report {
            boot: self.machine.boot.clone(),
            verdict: finding.verdict,
            action,
            why,
            deployment: self.machine.booted().cloned(),
            checks: finding.checks.clone(),
            warnings: self.machine.warnings.clone(),
        };
        if let Err(error) = runtime::write(&self.machine.root, runtime::REPORT, &report) {
            log::error!("{error:#}");
        }
        let Machine {
            root,
            config,
            state,
            ..
        } = &*self.machine;
        if config.notify.login {
            let incident = state.incident.as_ref();
            login::show(root, finding.verdict, &finding.checks, incident);
        } else {
            login::clear(root);
        }
    }

    /// Says what is going to be done, in the words that administrators of health-checker 1.x know.
    fn why(&self, action: Action, target: Option<&Deployment>, standing: Standing) -> String {
        let booted = self
            .machine
            .booted()
            .map_or_else(|| "this system".to_owned(), ToString::to_string);
        let known = match standing {
            Standing::New => "was never healthy",
            Standing::KnownGood => "was healthy before",
        };
        let name = self.machine.booted().map_or("", Deployment::name);
        let (id, text) = match (action, target) {
            (Action::Rollback, Some(target)) => (
                messages::ROLLBACK,
                format!(
                    "Machine didn't come up correctly, do a rollback: {booted} {known}, going back to {target}"
                ),
            ),
            (Action::Reboot, _) => (
                messages::REBOOT,
                format!("Machine didn't come up correctly, do a reboot: {booted} {known}"),
            ),
            (Action::Stop, _) => (
                messages::STOP,
                format!(
                    "Machine didn't come up correctly, stopping services: {booted} {known}, and there is nothing else left to do"
                ),
            ),
            (_, _) => (
                messages::RESTART,
                format!(
                    "Machine didn't come up correctly, restarting failing services: {booted} {known}"
                ),
            ),
        };
        log::warn!(MESSAGE_ID = id, HEALTH_ACTION = action.as_str(), SNAPSHOT = name, OBJECT_SYSTEMD_UNIT = RUNNER; "{text}");
        text
    }
}
