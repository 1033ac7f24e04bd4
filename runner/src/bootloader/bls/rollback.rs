//! After a rollback: the entries of the bad snapshot are bad, and the default entry is one of the good one.

use anyhow::{Context, Result, bail};

use super::entry::Boots;
use super::esp::{Access, FoundEntry, Partitions};
use super::order::compare;
use super::{Bls, DEFAULT, ONE_SHOT, PREFERRED, block};
use crate::bootloader::snapshot::SnapshotId;

impl Bls {
    /// Early in a boot the partition may be out of reach: the variable alone is enough for the next one.
    fn by_variable(&self, id: &str, why: &anyhow::Error) -> Result<Vec<String>> {
        self.variables.remove(ONE_SHOT)?;
        self.variables.write(DEFAULT, id)?;
        if !self.names(DEFAULT, id) {
            bail!("{DEFAULT} is not '{id}', and the boot entries cannot be reached: {why:#}");
        }
        Ok(vec![format!(
            "{DEFAULT} set to '{id}'; no boot entry is marked as bad: {why:#}"
        )])
    }

    /// LoaderEntryDefault is set even where it was not set before: which entry the loader would choose by its own order is
    /// its own affair (a newer snapshot that is not bad may be first), and the next boot has to be `to`. Tools that make
    /// updates set it again with each update. An entry that it names is booted whether it is bad or not.
    ///
    /// The order makes a power cut harmless: the first thing that changes what is booted makes it `to`.
    pub(super) fn roll_back(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
        entry: Option<&str>,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        let partitions = Partitions::open(&self.root, &self.mounts, &self.variables, Access::Write);
        let partitions = match (partitions, entry) {
            (Ok(partitions), _) => partitions,
            (Err(error), None) => return Err(error),
            (Err(error), Some(id)) => return self.by_variable(id, &error),
        };
        let (found, mut done) = partitions.entries();
        let linux = |found: &FoundEntry| found.boots != Boots::Other;
        if !found.iter().any(linux) {
            done.push(
                "the boot loader has no entries that are text: what it boots is not known"
                    .to_owned(),
            );
            return Ok(done);
        }
        let target = self
            .target(&found, to)
            .with_context(|| format!("the boot loader has no entry that boots {to}"))?;
        let id = target.name.id.as_str();
        if target.is_bad() {
            // It was healthy once: its starts were used up since.
            partitions.rename(target, id)?;
            done.push(format!("boot entry '{}' lost its counter", target.file));
        }
        tick();
        if !self.names(DEFAULT, id) {
            self.variables.write(DEFAULT, id)?;
            done.push(format!("{DEFAULT} set to '{id}'"));
        }
        self.tell_grub(id, &mut done)?;
        self.forget_others(&found, from, to, &mut done)?;
        self.verify(&partitions, id)?;
        // `to` is booted next, whatever becomes of these.
        for found in found
            .iter()
            .filter(|found| found.is_of(from) && !found.is_bad())
        {
            tick();
            done.push(mark(&partitions, found, from));
        }
        if done.is_empty() {
            done.push(format!(
                "the boot loader was told already: its default is '{id}'"
            ));
        }
        Ok(done)
    }

    /// Entries of these snapshots that still have starts left: the initrd and the rescue program do not rename any, and early
    /// in a boot their partition may be out of reach.
    pub(super) fn mark_bad(&self, bad: &[SnapshotId]) -> Result<()> {
        let is_to_be_marked = |found: &FoundEntry| {
            !found.is_bad() && bad.iter().any(|snapshot| found.is_of(snapshot))
        };
        let open = |access| Partitions::open(&self.root, &self.mounts, &self.variables, access);
        // Nothing is mounted, and nothing made writable, where nothing is to be done.
        if bad.is_empty() || !open(Access::Read)?.entries().0.iter().any(is_to_be_marked) {
            return Ok(());
        }
        let partitions = open(Access::Write)?;
        let mut marked = Ok(());
        for found in partitions
            .entries()
            .0
            .iter()
            .filter(|found| is_to_be_marked(found))
        {
            let name = found.name.bad();
            match partitions.rename(found, &name) {
                Ok(()) => log::info!(
                    "boot loader: boot entry '{}' is bad now: '{name}'",
                    found.file
                ),
                // The others are marked all the same.
                Err(error) => marked = marked.and(Err(error)),
            }
        }
        marked
    }

    /// Of all that boot the snapshot: what the loader is told already, else one that was blessed (it has no counter), else
    /// one with starts left, a bad one last; of several kernels the newest. Where none names the snapshot, one that boots
    /// whatever the default subvolume is.
    pub(super) fn target<'f>(
        &self,
        found: &'f [FoundEntry],
        to: &SnapshotId,
    ) -> Option<&'f FoundEntry> {
        let told = |found: &FoundEntry| !found.is_bad() && self.names(DEFAULT, &found.name.id);
        let rank = |found: &FoundEntry| match found.name.left {
            Some(0) => 0,
            Some(_) => 1,
            None => 2,
        };
        let best = |boots: Boots| {
            let candidates = found.iter().filter(|found| found.boots == boots);
            candidates.max_by(|a, b| {
                let order = (told(a), rank(a)).cmp(&(told(b), rank(b)));
                order.then_with(|| compare(&a.name.id, &b.name.id))
            })
        };
        best(Boots::Snapshot(to.number)).or_else(|| best(Boots::Default))
    }

    /// Whether a variable is set to this entry.
    pub(super) fn names(&self, variable: &str, id: &str) -> bool {
        let told = self.id(variable).ok().flatten();
        told.is_some_and(|told| told.eq_ignore_ascii_case(id))
    }

    /// A default in GRUB's environment is kept the same as the variable.
    fn tell_grub(&self, id: &str, done: &mut Vec<String>) -> Result<()> {
        let (Some(block), Some(told)) = (&self.block, self.grub_default()) else {
            return Ok(());
        };
        if !told.eq_ignore_ascii_case(id) {
            block.set(&[(block::DEFAULT, id)])?;
            done.push(format!(
                "'{}' set to '{id}' in '{}'",
                block::DEFAULT,
                block.path().display()
            ));
        }
        Ok(())
    }

    /// Removes what goes before the default: an entry for one boot, if it is of the bad snapshot (somebody may have asked
    /// for the firmware's menu); a preferred one, unless it is of the good one.
    fn forget_others(
        &self,
        found: &[FoundEntry],
        from: &SnapshotId,
        to: &SnapshotId,
        done: &mut Vec<String>,
    ) -> Result<()> {
        for variable in [ONE_SHOT, PREFERRED] {
            let Some(told) = self.id(variable)? else {
                continue;
            };
            let named = found
                .iter()
                .find(|found| found.name.id.eq_ignore_ascii_case(&told));
            let keep = match variable {
                ONE_SHOT => !named.is_some_and(|named| named.is_of(from)),
                _ => named.is_some_and(|named| named.is_of(to)),
            };
            if !keep {
                self.variables.remove(variable)?;
                done.push(format!("{variable} removed, which was '{told}'"));
            }
        }
        Ok(())
    }

    /// Reads back what is booted next.
    fn verify(&self, partitions: &Partitions, id: &str) -> Result<()> {
        if !self.names(DEFAULT, id) {
            bail!("{DEFAULT} is not '{id}'");
        }
        let (found, _) = partitions.entries();
        let default = found
            .iter()
            .find(|found| found.name.id.eq_ignore_ascii_case(id));
        if default.is_none_or(FoundEntry::is_bad) {
            bail!("boot entry '{id}' is gone or bad");
        }
        Ok(())
    }
}

/// Takes an entry's starts away. Says what came of it.
fn mark(partitions: &Partitions, found: &FoundEntry, from: &SnapshotId) -> String {
    let bad = found.name.bad();
    match partitions.rename(found, &bad) {
        Ok(()) => format!("boot entry '{}' is bad now: '{bad}'", found.file),
        Err(error) => {
            log::error!("{from} is not marked as bad: {error:#}");
            format!(
                "boot entry '{}' is not marked as bad: {error:#}",
                found.file
            )
        }
    }
}
