//! systemd-boot and GRUB with entries of the Boot Loader Specification: boot counters in file names, the default entry in
//! an EFI variable.

mod entry;
mod esp;
mod order;
mod rollback;
mod trial;

use std::path::Path;

use anyhow::Result;
use health_checks::Root;

use super::command_line::KernelLine;
use super::efi::Variables;
use super::grub::block::{self, Block};
use super::{BootLoader, Entry, Kind, View};
use crate::bootloader::snapshot::SnapshotId;
use crate::model::loader::Offer;
use crate::sys::mountinfo::Mount;
use entry::FileName;
use esp::{Access, Partitions};

const DEFAULT: &str = "LoaderEntryDefault";
const ONE_SHOT: &str = "LoaderEntryOneShot";
/// Since systemd 260: like the default, and before it, but bad entries are skipped.
const PREFERRED: &str = "LoaderEntryPreferred";
const SELECTED: &str = "LoaderEntrySelected";
const COUNT_PATH: &str = "LoaderBootCountPath";

/// Whether the GRUB that was booted reads entries: it left the variables that belong to them.
pub fn grub_reads_entries(variables: &Variables) -> bool {
    let told = [COUNT_PATH, SELECTED, "LoaderEntries"];
    told.iter().any(|name| variables.is_set(name))
}

/// See the module.
pub struct Bls {
    /// Which of the two.
    pub kind: Kind,
    /// Below which everything is read and written.
    pub root: Root,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// The firmware's variables.
    pub variables: Variables,
    /// Of this boot.
    pub command_line: KernelLine,
    /// GRUB's environment, if there is one.
    pub block: Option<Block>,
}

impl BootLoader for Bls {
    fn look(&self, default: Option<u64>) -> View {
        let mut view = View::empty(self.kind);
        let partitions = Partitions::open(&self.root, &self.mounts, &self.variables, Access::Read);
        let (found, warnings) = match &partitions {
            Ok(partitions) => partitions.entries(),
            Err(error) => (Vec::new(), vec![format!("{error:#}")]),
        };
        view.warnings = warnings;
        view.entries = found.iter().map(|found| found.entry(default)).collect();
        let mut known = |read: Result<Option<String>>| {
            read.unwrap_or_else(|error| {
                view.warnings.push(format!("{error:#}"));
                None
            })
        };
        let counted = known(self.variables.read(COUNT_PATH));
        let counted = counted.and_then(|path| FileName::of_path(&path));
        let selected = known(self.selected());
        view.one_shot = known(self.id(ONE_SHOT)).filter(|id| !id.is_empty());
        // GRUB's environment comes after the variable, and over it.
        let told = self.grub_default().or_else(|| known(self.id(DEFAULT)));
        view.booted = self.booted(&view.entries, selected, counted);
        if let Some(told) = told {
            view.default = named(&view.entries, &told).cloned();
            if view.default.is_none() && !view.entries.is_empty() {
                view.warnings.push(no_entry(&told));
            }
        }
        let next = view.default.as_ref();
        let of_default = || {
            let mut entries = view.entries.iter();
            entries.find(|entry| default.is_some() && entry.snapshot == default)
        };
        view.tries = next.or_else(of_default).and_then(|entry| entry.tries_left);
        view.fell_back = self.fell_back(&view, default);
        if partitions.is_ok_and(|partitions| partitions.are_hidden()) && view.counts() {
            view.warnings.push(
                "the EFI system partition is not mounted, so that systemd-bless-boot cannot call a boot good: mount it, \
                 by 'mount /boot/efi' for example"
                    .to_owned(),
            );
        }
        view
    }

    /// systemd-bless-boot(8) does it once boot-complete.target is reached; nothing is pending otherwise.
    fn mark_judged(&self, _: u32) -> Result<()> {
        Ok(())
    }

    /// The entries that are left are where to fall back to.
    fn mark_good(&self, _: &SnapshotId, _: &str, bad: &[SnapshotId]) -> Result<()> {
        self.mark_bad(bad)
    }

    fn set_default(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
        entry: Option<&str>,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        self.roll_back(from, to, entry, tick)
    }

    fn has_default(&self) -> bool {
        self.variables.is_set(DEFAULT)
    }

    fn can_try(
        &self,
        booted: &SnapshotId,
        new: &SnapshotId,
        waiting: Option<(&str, &str)>,
    ) -> Result<Option<Offer>> {
        self.find_offer(booted, new, waiting)
    }

    fn set_one_shot(&self, entry: &str, good: &str) -> Result<()> {
        self.write_one_shot(entry, good)
    }

    fn restore_default(&self, entry: &str, good: &str) -> Result<bool> {
        self.take_entry(entry, good)
    }

    fn unset_one_shot(&self, entry: &str) -> Result<()> {
        self.forget_one_shot(entry)
    }
}

impl Bls {
    /// The entry that a variable names. Boot loaders ignore case.
    fn id(&self, variable: &str) -> Result<Option<String>> {
        let told = self.variables.read(variable)?;
        Ok(match self.kind {
            Kind::Grub2Bls => told.map(entry::id_for_grub),
            Kind::None | Kind::Grub | Kind::SystemdBoot => told,
        })
    }

    /// The entry that was booted. GRUB names it with the counter that it had before.
    fn selected(&self) -> Result<Option<String>> {
        let told = self.id(SELECTED)?;
        Ok(told.map(|told| FileName::parse(&told).map_or(told, |name| name.id)))
    }

    /// What was booted, as its file is named now; or as it was when it was booted, if the file is gone.
    fn booted(
        &self,
        entries: &[Entry],
        selected: Option<String>,
        counted: Option<FileName>,
    ) -> Option<Entry> {
        let id = selected.or_else(|| Some(counted.as_ref()?.id.clone()))?;
        let counted = counted.filter(|counted| counted.id.eq_ignore_ascii_case(&id));
        let (left, done) = counted.map_or((None, None), |counted| (counted.left, counted.done));
        Some(named(entries, &id).cloned().unwrap_or_else(|| Entry {
            id,
            path: None,
            snapshot: self.command_line.snapshot(),
            tries_left: left,
            tries_done: done,
        }))
    }

    /// All entries of the default snapshot are used up, and another one is booted. Where the loader is told to boot one of
    /// them, it does so all the same (bad or not): then somebody chose another one in the menu.
    fn fell_back(&self, view: &View, default: Option<u64>) -> bool {
        let Some(default) = default else {
            return false;
        };
        let by_entry = view.booted.as_ref().and_then(|entry| entry.snapshot);
        let booted = self.command_line.snapshot().or(by_entry);
        let told = view.default.as_ref().and_then(|entry| entry.snapshot);
        let mut of_default = view
            .entries
            .iter()
            .filter(|entry| entry.snapshot == Some(default))
            .peekable();
        booted.is_some_and(|booted| booted != default)
            && told != Some(default)
            && of_default.peek().is_some()
            && of_default.all(|entry| entry.tries_left == Some(0))
    }

    fn grub_default(&self) -> Option<String> {
        let mut variables = self.block.as_ref()?.variables().ok()?;
        let told = variables.remove(block::DEFAULT).filter(|id| !id.is_empty());
        told.map(entry::id_for_grub)
    }
}

/// The entry that a boot loader calls `id`: it ignores case.
fn named<'e>(entries: &'e [Entry], id: &str) -> Option<&'e Entry> {
    entries
        .iter()
        .find(|entry| entry.id.eq_ignore_ascii_case(id))
}

fn no_entry(id: &str) -> String {
    let pattern = id.contains(['*', '?', '[']) || id.starts_with('@');
    match pattern {
        true => format!("{DEFAULT} is the pattern '{id}': which entry it boots is not known"),
        false
            if Path::new(id)
                .extension()
                .is_some_and(|extension| extension == "conf") =>
        {
            format!("{DEFAULT} names '{id}', and there is no such boot entry: see 'bootctl list'")
        }
        false => {
            format!("{DEFAULT} names '{id}', which is no text entry: what it boots is not known")
        }
    }
}
