//! What the course of a boot tells the boot loader.

use super::Course;
use crate::model::deployment::Deployment;
use crate::model::finding::Stage;
use crate::policy::Restraint;

impl Course<'_> {
    /// Whatever marks this boot as pending is cleared. Not by a container, which shares the boot loader of its host.
    pub(super) fn tell_judged(&mut self) {
        if self.stage == Stage::Early || self.restraint == Some(Restraint::Container) {
            return;
        }
        let Some(deployments) = self.machine.deployments.as_ref() else {
            return;
        };
        if let Err(error) = deployments.mark_judged(self.machine.config.escalation.tries) {
            let warning =
                format!("the boot loader was not told that this boot was judged: {error:#}");
            if !self.machine.warnings.contains(&warning) {
                self.warn(warning);
            }
        }
    }

    /// The booted one is where to fall back to, and not to what was rolled back from. Whether it could be told.
    pub(super) fn tell_good(&mut self, good: &Deployment, bad: &[Deployment]) -> bool {
        let deployments = self.machine.deployments.as_ref();
        match deployments.map_or(Ok(()), |all| all.mark_good(bad)) {
            Ok(()) => true,
            Err(error) => {
                self.warn(format!(
                    "the boot loader does not know that {good} is good: {error:#}"
                ));
                false
            }
        }
    }
}
