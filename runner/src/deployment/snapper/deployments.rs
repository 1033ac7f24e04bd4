//! Snapshots as deployments: the snapshots themselves, and the boot loaders behind them, which nobody else tells anything.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use health_checks::Root;
use health_checks::config::Config;

use super::marks::Mark;
use super::{Snapshots, identity, legacy, marks, note, rescue, rollback, salvage};
use crate::bootloader::snapshot::SnapshotId;
use crate::bootloader::{self, BootLoader, View};
use crate::deployment::{Deployments, Tools};
use crate::model::deployment::{Deployment, Exists};
use crate::model::loader::{Look, Offer};
use crate::model::rescue::Rescue;
use crate::state::KnownGood;
use crate::state::incident::Incident;
use crate::sys::fail_point;
use crate::sys::mountinfo::Mount;

impl Deployments for Snapshots {
    fn booted(&self) -> &Deployment {
        &self.deployment
    }

    fn next(&self) -> Result<Option<Deployment>> {
        Ok(self.default()?.as_ref().map(identity::deployment))
    }

    fn exists(&self, deployment: &Deployment) -> Exists {
        // One of another kind was not deleted; it can only not be seen from here.
        identity::snapshot(deployment).map_or(Exists::Unknown, |snapshot| self.exists(&snapshot))
    }

    fn look(&self) -> Look {
        let next = self.next().ok().flatten();
        Look::from(&boot_loader(&self.root, &self.mounts, next.as_ref()))
    }

    fn set_next(
        &self,
        from: &Deployment,
        to: &Deployment,
        entry: Option<&str>,
        tools: Tools,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        let (from, to) = (known(from)?, known(to)?);
        if self.exists(&to) != Exists::Yes {
            bail!("{to} does not exist any more");
        }
        let mut done = rollback::roll_back(self, &to, tools, tick)?;
        fail_point::reached("default-set");
        let told = self.loader().set_default(&from, &to, entry, tick)?;
        told.iter()
            .for_each(|text| log::info!("boot loader: {text}"));
        done.extend(told);
        Ok(done)
    }

    fn mark_judged(&self, tries: u32) -> Result<()> {
        self.loader().mark_judged(tries)
    }

    fn mark_good(&self, bad: &[Deployment]) -> Result<()> {
        let bad: Vec<SnapshotId> = bad.iter().filter_map(identity::snapshot).collect();
        self.loader().mark_good(&self.booted, &self.subvolume, &bad)
    }

    fn keep(&self, good: &[KnownGood], released: &[Deployment], tick: &dyn Fn()) -> Vec<String> {
        let good = good
            .iter()
            .filter_map(|known| identity::snapshot(&known.deployment));
        let released = released.iter().filter_map(identity::snapshot);
        let marks = good
            .map(|good| (good, Mark::Good))
            .chain(released.map(|old| (old, Mark::Released)));
        marks
            .filter(|(snapshot, _)| self.exists(snapshot) == Exists::Yes)
            .filter_map(|(snapshot, mark)| marks::set(self, snapshot.number, mark, tick).err())
            .map(|error| format!("{error:#}"))
            .collect()
    }

    fn marked_good(&self) -> Vec<Deployment> {
        salvage::good_elsewhere(&legacy::read(&self.root), self)
            .iter()
            .map(identity::deployment)
            .collect()
    }

    fn tell_rescue(&self, config: &Config, good: &[KnownGood]) -> Vec<String> {
        let written = [
            legacy::write(&self.root, &self.booted),
            rescue::keep(self, config, good),
        ];
        let errors = written.into_iter().filter_map(Result::err);
        errors.map(|error| format!("{error:#}")).collect()
    }

    fn rescues(&self) -> Vec<Rescue> {
        rescue::log(self)
    }

    fn forget_rescues(&self) {
        rescue::forget(self);
    }

    fn leave_note(&self, incident: &Incident) -> Result<()> {
        note::leave(self, incident)
    }

    fn notes(&self) -> Vec<(PathBuf, Incident)> {
        note::found(self)
    }

    fn can_try(&self, new: &Deployment, waiting: Option<(&str, &str)>) -> Result<Option<Offer>> {
        self.loader().can_try(&self.booted, &known(new)?, waiting)
    }

    fn set_one_shot(&self, entry: &str, good: &str) -> Result<()> {
        self.loader().set_one_shot(entry, good)
    }

    fn restore_default(&self, entry: &str, good: &str) -> Result<()> {
        let restored = self.loader().restore_default(entry, good);
        if restored.with_context(|| format!("try 'bootctl set-default {entry}'"))? {
            log::info!("boot loader: LoaderEntryDefault set to '{entry}'");
        }
        Ok(())
    }

    fn unset_one_shot(&self, entry: &str) -> Result<()> {
        self.loader().unset_one_shot(entry)
    }
}

impl Snapshots {
    /// Looked for each time: what it is read from may be mounted later.
    fn loader(&self) -> Box<dyn BootLoader> {
        bootloader::detect(&self.root, &self.mounts)
    }
}

/// The boot loader; `next` is the default subvolume.
pub fn boot_loader(root: &Root, mounts: &[Mount], next: Option<&Deployment>) -> View {
    let number = next.and_then(identity::snapshot).map(|next| next.number);
    bootloader::detect(root, mounts).look(number)
}

fn known(deployment: &Deployment) -> Result<SnapshotId> {
    identity::snapshot(deployment)
        .with_context(|| format!("{deployment} is not a snapshot of this machine"))
}
