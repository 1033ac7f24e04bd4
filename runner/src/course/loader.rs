//! What the course of a boot tells the boot loader.

use anyhow::Result;

use super::Course;
use crate::bootloader::{self, BootLoader};
use crate::model::facts::SnapshotId;
use crate::model::finding::Stage;
use crate::policy::Restraint;
use crate::sys::{lease, mountinfo};

impl Course<'_> {
    /// Whatever marks this boot as pending is cleared. Not by a container, which shares the boot loader of its host.
    pub(super) fn tell_judged(&mut self) {
        if self.stage == Stage::Early || self.restraint == Some(Restraint::Container) {
            return;
        }
        let tries = self.machine.config.escalation.tries;
        if let Err(error) = self.loader().judged(tries) {
            let warning =
                format!("the boot loader was not told that this boot was judged: {error:#}");
            if !self.machine.warnings.contains(&warning) {
                self.warn(warning);
            }
        }
    }

    /// This is where to fall back to, and not to what was rolled back from. Whether it could be told.
    pub(super) fn tell_good(&mut self, good: &SnapshotId, bad: &[SnapshotId]) -> bool {
        let mount = mountinfo::root_mount(&self.machine.mounts);
        let subvolume = mount.map(|mount| mount.root.trim_start_matches('/').to_owned());
        let told = self
            .loader()
            .good(good, &subvolume.unwrap_or_default(), bad);
        match told {
            Ok(()) => true,
            Err(error) => {
                self.warn(format!(
                    "the boot loader does not know that {good} is good: {error:#}"
                ));
                false
            }
        }
    }

    /// `to` became the default in the place of `from`.
    pub(super) fn tell_rolled_back(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
    ) -> Result<Vec<String>> {
        let known = self.machine.state.known_good.iter();
        let entry = known
            .filter(|known| known.snapshot == *to)
            .find_map(|known| known.entry.as_deref());
        let done = self.loader().rolled_back(from, to, entry, &lease::renew)?;
        done.iter()
            .for_each(|text| log::info!("boot loader: {text}"));
        Ok(done)
    }

    fn loader(&self) -> Box<dyn BootLoader> {
        bootloader::detect(&self.machine.root, &self.machine.mounts)
    }
}
