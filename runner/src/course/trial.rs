//! The end of a trial (`crate::services::trial`): the boot loader boots a snapshot that is good, or the plan is forgotten.

use super::Course;
use crate::bootloader;
use crate::model::facts::SnapshotId;
use crate::model::finding::Stage;
use crate::policy::Restraint;
use crate::state::trial;

impl Course<'_> {
    /// What was seen of a trial when this boot was looked at. One that died is followed as a fall back.
    pub(super) fn follow_trial(&mut self) {
        if self.stage == Stage::Early || self.restraint == Some(Restraint::Container) {
            return;
        }
        match self.machine.trial.take() {
            Some(trial::Course::Dropped) => {
                if let Some(trial) = self.machine.state.trial.take() {
                    log::info!(
                        "{} is on trial no more: somebody decided otherwise",
                        trial.snapshot
                    );
                }
            }
            Some(trial::Course::Passed) => {
                if let Some(trial) = self.machine.state.trial.clone() {
                    self.end_trial(&trial.snapshot);
                }
            }
            Some(trial::Course::Open | trial::Course::Died) | None => {}
        }
    }

    /// A trial of this snapshot is over, and its entry is what the boot loader boots. Whether it could be told.
    pub(super) fn end_trial(&mut self, snapshot: &SnapshotId) -> bool {
        let ended = self.machine.state.trial.as_ref();
        let Some(trial) = ended.filter(|trial| trial.snapshot == *snapshot).cloned() else {
            return true;
        };
        let loader = bootloader::detect(&self.machine.root, &self.machine.mounts);
        match loader.take(&trial.entry, &trial.good) {
            Ok(ours) => {
                if ours {
                    log::info!("boot loader: LoaderEntryDefault set to '{}'", trial.entry);
                }
                self.machine.state.trial = None;
                self.save()
            }
            Err(error) => {
                self.warn(format!(
                    "the boot loader goes on with '{}', and not with {snapshot}: {error:#}; try 'bootctl set-default {}'",
                    trial.good, trial.entry
                ));
                false
            }
        }
    }

    /// A trial of this snapshot is over: it was rolled back.
    pub(super) fn forget_trial(&mut self, snapshot: &SnapshotId) {
        self.machine
            .state
            .trial
            .take_if(|trial| trial.snapshot == *snapshot);
    }
}
