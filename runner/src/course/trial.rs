//! The end of a trial (`crate::services::trial`): the boot loader boots a deployment that is good, or the plan is forgotten.

use super::Course;
use crate::model::deployment::Deployment;
use crate::model::finding::Stage;
use crate::policy::Restraint;
use crate::state::trial::Fate;

impl Course<'_> {
    /// What was seen of a trial when this boot was looked at. One that died is followed as a fall back.
    pub(super) fn follow_trial(&mut self) {
        if self.stage == Stage::Early || self.restraint == Some(Restraint::Container) {
            return;
        }
        let (Some(fate), Some(trial)) = (self.machine.trial.take(), &self.machine.state.trial)
        else {
            return;
        };
        let (tried, spent) = (trial.deployment.clone(), self.machine.spent_on(trial));
        match fate {
            Fate::Open => {}
            Fate::Dropped => {
                self.machine.state.trial = None;
                log::info!("{tried} is on trial no more: somebody decided otherwise");
            }
            Fate::Passed => {
                self.end_trial(&tried);
            }
            Fate::Died => self.count_death(),
            Fate::Again => {
                log::warn!(
                    "{tried} died before it was judged, attempts {spent} of {}: it is tried again after the next orderly shutdown",
                    self.machine.config.escalation.tries
                );
                self.count_death();
                let boot = self.machine.boot.clone();
                let trial = self.machine.state.trial.as_mut();
                trial
                    .into_iter()
                    .for_each(|trial| trial.boot = boot.clone());
            }
        }
    }

    fn count_death(&mut self) {
        if let Some(trial) = self.machine.state.trial.as_mut() {
            trial.died = trial.died.saturating_add(1);
        }
    }

    /// A trial of this deployment is over, and its entry is what the boot loader boots. Whether it could be told.
    pub(super) fn end_trial(&mut self, deployment: &Deployment) -> bool {
        let ended = self.machine.state.trial.as_ref();
        let Some(trial) = ended
            .filter(|trial| trial.deployment == *deployment)
            .cloned()
        else {
            return true;
        };
        let deployments = self.machine.deployments.as_ref();
        let restored =
            deployments.map_or(Ok(()), |all| all.restore_default(&trial.entry, &trial.good));
        match restored {
            Ok(()) => {
                self.machine.state.trial = None;
                self.save()
            }
            Err(error) => {
                self.warn(format!(
                    "the boot loader goes on with '{}', and not with {deployment}: {error:#}",
                    trial.good
                ));
                false
            }
        }
    }

    /// A trial of this deployment is over: it was rolled back.
    pub(super) fn forget_trial(&mut self, deployment: &Deployment) {
        self.machine
            .state
            .trial
            .take_if(|trial| trial.deployment == *deployment);
    }
}
