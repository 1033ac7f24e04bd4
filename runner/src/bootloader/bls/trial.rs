//! A new entry is booted once: LoaderEntryOneShot names it, and LoaderEntryDefault a good one. A loader boots what
//! LoaderEntryDefault names for ever, bad or not, and tools that make updates let it name the new entry.

use anyhow::{Result, bail};

use super::entry::Boots;
use super::esp::{Access, FoundEntry, Partitions};
use super::{Bls, DEFAULT, ONE_SHOT, PREFERRED};
use crate::bootloader::snapshot::SnapshotId;
use crate::model::loader::Offer;

const FEATURES: &str = "LoaderFeatures";
/// It honours LoaderEntryDefault and LoaderEntryOneShot (<https://systemd.io/BOOT_LOADER_INTERFACE/>).
const NEEDED: u64 = 1 << 2 | 1 << 3;

impl Bls {
    /// Nothing where something else decides what is booted: a preferred entry (a bad one is skipped there), a default in
    /// GRUB's environment, an entry for one boot that somebody asked for.
    pub(super) fn find_offer(
        &self,
        booted: &SnapshotId,
        new: &SnapshotId,
        waiting: Option<(&str, &str)>,
    ) -> Result<Option<Offer>> {
        let features = self.variables.read_number(FEATURES)?.unwrap_or_default();
        let Some(told) = self.id(DEFAULT)? else {
            return Ok(None);
        };
        if features & NEEDED != NEEDED
            || self.variables.is_set(PREFERRED)
            || self.grub_default().is_some()
        {
            return Ok(None);
        }
        let partitions = Partitions::open(&self.root, &self.mounts, &self.variables, Access::Read)?;
        let (found, warnings) = partitions.entries();
        if found.is_empty() || !warnings.is_empty() {
            bail!("not all boot entries can be read: {}", warnings.join("; "));
        }
        let is = |found: &FoundEntry, id: &str| found.name.id.eq_ignore_ascii_case(id);
        let wanted = match waiting {
            Some((entry, good)) if told.eq_ignore_ascii_case(good) => entry,
            _ => &told,
        };
        let new = found
            .iter()
            .find(|found| is(found, wanted) && found.is_of(new) && !found.is_bad());
        let selected = self.selected()?.unwrap_or_default();
        let good = found
            .iter()
            .find(|found| is(found, &selected) && found.is_of(booted) && !found.is_bad())
            .or_else(|| {
                let good = self.target(&found, booted)?;
                (good.boots != Boots::Default && !good.is_bad()).then_some(good)
            });
        let (Some(new), Some(good)) = (new, good) else {
            return Ok(None);
        };
        let asked = self.id(ONE_SHOT)?.unwrap_or_default();
        Ok((asked.is_empty() || is(new, &asked)).then(|| Offer {
            entry: new.name.id.clone(),
            good: good.name.id.clone(),
            tries_left: new.name.left,
        }))
    }

    /// After a power cut in between, the default is still the new entry: as if nothing had been done.
    pub(super) fn write_one_shot(&self, entry: &str, good: &str) -> Result<()> {
        self.variables.write(ONE_SHOT, entry)?;
        self.variables.write(DEFAULT, good)
    }

    /// Only what we set: who set another default meanwhile wanted that one.
    pub(super) fn take_entry(&self, entry: &str, good: &str) -> Result<bool> {
        let ours = self.names(DEFAULT, good);
        if ours {
            self.variables.write(DEFAULT, entry)?;
        }
        self.forget_one_shot(entry)?;
        Ok(ours)
    }

    pub(super) fn forget_one_shot(&self, entry: &str) -> Result<()> {
        match self.names(ONE_SHOT, entry) {
            true => self.variables.remove(ONE_SHOT),
            false => Ok(()),
        }
    }
}
