//! An incident: from the first unhealthy verdict to the next healthy one. What failed, and what was done about it.

use serde::{Deserialize, Serialize};

use crate::model::deployment::Deployment;
use crate::model::facts::{Action, BootKey, CheckResult, Outcome};
use crate::policy::Availability;

/// A rollback that a power cut or a failing tool interrupted is tried so often in an incident.
const ROLLBACK_ATTEMPTS: u32 = 3;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The boot in which it began.
    pub boot: BootKey,
    /// When, in seconds since 1970 (for people: nothing is decided by it).
    pub at: u64,
    /// The deployment in which it began.
    pub deployment: Option<Deployment>,
    /// What failed, in which deployment; the newest first.
    pub failed: Vec<FailedCheck>,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The healthy boot that ended it.
    pub ended: Option<End>,
}

/// One failed check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// The boot.
    pub boot: BootKey,
    /// The deployment that was booted.
    pub deployment: Option<Deployment>,
    /// Readable name.
    pub name: String,
    /// systemd unit.
    pub unit: String,
    /// What came of it.
    pub result: CheckResult,
    /// Exit status, if there is one.
    pub exit_status: Option<i32>,
    /// Why.
    pub message: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub action: Action,
    /// The boot in which it was last tried.
    pub boot: BootKey,
    /// Where a rollback goes to.
    pub target: Option<Deployment>,
    /// How far it came.
    pub progress: Progress,
    /// How often it was tried.
    pub attempts: u32,
    /// What the tools said, which services were restarted with which result.
    pub details: Vec<String>,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// On disk before anything is done.
    Intended,
    /// Done and verified.
    Done,
    /// Tried in vain.
    Failed,
}

/// The end of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The healthy boot.
    pub boot: BootKey,
    /// What was booted then.
    pub deployment: Option<Deployment>,
}

impl Incident {
    /// Begins now.
    pub fn new(boot: &BootKey, deployment: Option<&Deployment>) -> Self {
        Self {
            boot: boot.clone(),
            at: crate::sys::boot::seconds_since_1970(),
            deployment: deployment.cloned(),
            failed: Vec::new(),
            steps: Vec::new(),
            ended: None,
        }
    }

    /// Whether no healthy boot has ended it yet.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// A healthy boot ends it.
    pub fn end(&mut self, boot: &BootKey, deployment: Option<&Deployment>) {
        self.ended = Some(End {
            boot: boot.clone(),
            deployment: deployment.cloned(),
        });
    }

    /// We are in a later boot than the one that intended a reboot or a rollback: if it is where it was to lead, it
    /// came about, even if the earlier boot could not write that down any more.
    pub fn arrive(&mut self, boot: &BootKey, booted: Option<&Deployment>) {
        for step in self
            .steps
            .iter_mut()
            .filter(|step| step.progress == Progress::Intended && step.boot != *boot)
        {
            let arrived = match step.action {
                Action::Reboot => true,
                Action::Rollback => step.target.as_ref() == booted,
                Action::None | Action::Restart | Action::Stop => false,
            };
            if arrived {
                step.progress = Progress::Done;
            }
        }
    }

    /// Records what failed in this boot; what an earlier round of the same boot recorded is replaced.
    pub fn record_failed(&mut self, failed: Vec<FailedCheck>) {
        let Some(boot) = failed.first().map(|check| check.boot.clone()) else {
            return;
        };
        self.failed.retain(|check| check.boot != boot);
        self.failed.splice(0..0, failed);
    }

    /// Whether a deployment failed in this incident.
    pub fn has_failed(&self, deployment: &Deployment) -> bool {
        self.failed
            .iter()
            .any(|check| check.deployment.as_ref() == Some(deployment))
    }

    /// The boots in which a deployment failed in this incident.
    pub fn failed_boots(&self, deployment: &Deployment) -> impl Iterator<Item = &BootKey> {
        let of_snapshot = |check: &&FailedCheck| check.deployment.as_ref() == Some(deployment);
        self.failed
            .iter()
            .filter(of_snapshot)
            .map(|check| &check.boot)
    }

    /// Whether restarting services is still there.
    pub fn restart(&self) -> Availability {
        self.spent_if(self.step(Action::Restart).is_some())
    }

    /// Whether a reboot is still there: not after one, and not where a rollback of this incident led to the
    /// same failing checks.
    pub fn reboot(&self, failing: &[Outcome]) -> Availability {
        let same_elsewhere = self.failed.iter().any(|earlier| {
            self.step(Action::Rollback)
                .is_some_and(|step| step.progress == Progress::Done && earlier.boot == step.boot)
                && failing
                    .iter()
                    .any(|check| check.result.is_bad() && check.unit == earlier.unit)
        });
        self.spent_if(self.step(Action::Reboot).is_some() || same_elsewhere)
    }

    /// Whether a rollback is still there. One that was interrupted before it was verified is finished.
    pub fn rollback(&self, boot: &BootKey) -> Availability {
        self.spent_if(
            self.step(Action::Rollback)
                .is_some_and(|step| match step.progress {
                    Progress::Done => true,
                    Progress::Intended => step.attempts >= ROLLBACK_ATTEMPTS,
                    Progress::Failed => step.attempts >= ROLLBACK_ATTEMPTS || step.boot == *boot,
                }),
        )
    }

    /// Where an interrupted rollback was to go: it is finished, not decided anew.
    pub fn interrupted_target(&self) -> Option<&Deployment> {
        let step = self
            .step(Action::Rollback)
            .filter(|step| step.progress == Progress::Intended)?;
        step.target.as_ref()
    }

    /// Writes down an intent. The same step again is one more attempt of the same intent.
    pub fn intend(&mut self, action: Action, boot: &BootKey, target: Option<&Deployment>) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.action == action) {
            step.boot = boot.clone();
            step.target = target.cloned();
            step.progress = Progress::Intended;
            step.attempts = step.attempts.saturating_add(1);
            return;
        }
        self.steps.push(Step {
            action,
            boot: boot.clone(),
            target: target.cloned(),
            progress: Progress::Intended,
            attempts: 1,
            details: Vec::new(),
        });
    }

    /// Writes down what came of the intent.
    pub fn finish(&mut self, action: Action, progress: Progress, details: Vec<String>) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.action == action) {
            step.progress = progress;
            step.details.extend(details);
        }
    }

    /// The step of a kind, if it was taken.
    pub fn step(&self, action: Action) -> Option<&Step> {
        self.steps.iter().find(|step| step.action == action)
    }

    /// The step that this boot was in the middle of: what is left to a fail-safe to finish.
    pub fn unfinished(&self, boot: &BootKey) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.boot == *boot && step.progress == Progress::Intended)
    }

    fn spent_if(&self, spent: bool) -> Availability {
        if spent {
            Availability::Spent
        } else {
            Availability::Available
        }
    }
}
