//! What the boot loader is told: that a boot was judged, that it was healthy, that another snapshot is the default now.

use anyhow::Result;

use super::{Course, Stage};
use crate::bootloader::{self, BootLoader};
use crate::facts::SnapshotId;
use crate::lease;
use crate::policy::Restraint;
use crate::snapshot::mountinfo;

impl Course<'_> {
    /// Whatever marks this boot as pending is cleared. Not by a container, which shares the boot loader of its host.
    pub(super) fn tell_judged(&mut self) {
        if self.stage == Stage::Early || self.restraint == Some(Restraint::Container) {
            return;
        }
        let tries = self.machine.config.escalation.tries;
        if let Err(error) = self.loader().judged(tries) {
            self.warn(format!("{error:#}"));
        }
    }

    /// This is where to fall back to.
    pub(super) fn tell_good(&mut self, booted: &SnapshotId) {
        let subvolume = mountinfo::root_mount(&self.machine.mounts)
            .map(|mount| mount.root.trim_start_matches('/').to_owned());
        let Some(subvolume) = subvolume else { return };
        if let Err(error) = self.loader().good(booted, &subvolume) {
            self.warn(format!("{error:#}"));
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
        self.loader().rolled_back(from, to, entry, &lease::renew)
    }

    fn loader(&self) -> Box<dyn BootLoader> {
        bootloader::detect(&self.machine.root, &self.machine.mounts)
    }
}
