//! systemd-boot and GRUB with entries of the Boot Loader Specification: boot counters in file names, the default entry in
//! an EFI variable.

mod entry;
mod esp;

use std::path::Path;

use anyhow::{Context, Result, bail};
use health_checks::Root;

use super::command_line::CommandLine;
use super::efi::Variables;
use super::grub::block::Block;
use super::{BootLoader, Entry, Kind, View};
use crate::facts::SnapshotId;
use crate::snapshot::mountinfo::Mount;
use entry::{Boots, FileName, compare};
use esp::Found;

const DEFAULT: &str = "LoaderEntryDefault";
const ONE_SHOT: &str = "LoaderEntryOneShot";
/// Since systemd 260: like the default, and before it, but bad entries are skipped.
const PREFERRED: &str = "LoaderEntryPreferred";
const SELECTED: &str = "LoaderEntrySelected";
const COUNT_PATH: &str = "LoaderBootCountPath";
/// Where openSUSE's tools keep the default for GRUB when the firmware takes no variable.
const GRUB_DEFAULT: &str = "default";

/// Whether the GRUB that was booted reads entries: it left the variables that belong to them.
pub fn grub_reads_entries(root: &Root, variables: &Variables) -> bool {
    let told = [COUNT_PATH, SELECTED, "LoaderEntries"];
    told.iter().any(|name| variables.is_set(name)) && !esp::directories(root, &[]).is_empty()
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
    pub command_line: CommandLine,
    /// GRUB's environment, if there is one.
    pub block: Option<Block>,
}

impl BootLoader for Bls {
    fn view(&self, default: Option<u64>) -> View {
        let mut view = View::empty(self.kind);
        let (found, warnings) = esp::entries(&self.root, &self.mounts);
        view.warnings = warnings;
        view.entries = found.iter().map(|found| found.entry(default)).collect();
        let mut read = |name| {
            self.variables.read(name).unwrap_or_else(|error| {
                view.warnings.push(format!("{error:#}"));
                None
            })
        };
        let counted = read(COUNT_PATH).and_then(|path| FileName::of_path(&path));
        let selected = read(SELECTED);
        let told = read(DEFAULT).or_else(|| self.grub_default());
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
        view
    }

    /// systemd-bless-boot(8) does it once boot-complete.target is reached; nothing is pending otherwise.
    fn judged(&self, _: u32) -> Result<()> {
        Ok(())
    }

    /// The entries that are left are where to fall back to.
    fn good(&self, _: &SnapshotId, _: &str) -> Result<()> {
        Ok(())
    }

    /// LoaderEntryDefault is set even where it was not set before: which entry the loader would choose by its own order is
    /// its own affair (a newer snapshot that is not bad may be first), and the next boot has to be `to`. Tools that make
    /// updates set it again with each update.
    ///
    /// The order makes a power cut harmless: as soon as anything has changed, `to` is what is booted.
    fn rolled_back(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
        entry: Option<&str>,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        let mut done = Vec::new();
        let (found, warnings) = esp::entries(&self.root, &self.mounts);
        if let (true, Some(id)) = (found.is_empty(), entry) {
            // Early in a boot. The variable is enough for the next one, which marks the others as bad.
            self.variables.write(DEFAULT, id)?;
            self.variables.remove(ONE_SHOT)?;
            if self.told_other(DEFAULT, id) {
                bail!("{DEFAULT} is not '{id}'");
            }
            return Ok(vec![format!(
                "{DEFAULT} set to '{id}'; the boot entries are not mounted yet"
            )]);
        }
        let target = self.target(&found, to).with_context(|| {
            format!(
                "no boot entry boots {to}{}",
                warnings
                    .iter()
                    .map(|text| format!("; {text}"))
                    .collect::<String>()
            )
        })?;
        let id = target.name.id.as_str();
        if target.is_bad() {
            // It was healthy once: its starts were used up since.
            esp::rename(&self.root, &self.mounts, target, id)?;
            done.push(format!(
                "boot entry '{}' has got rid of its counter",
                target.file
            ));
        }
        tick();
        if self.told_other(DEFAULT, id) {
            self.variables.write(DEFAULT, id)?;
            done.push(format!("{DEFAULT} set to '{id}'"));
        }
        self.tell_grub(id, &mut done)?;
        self.forget_others(&found, from, to, &mut done)?;
        for bad in found
            .iter()
            .filter(|found| found.boots == Boots::Snapshot(from.number) && !found.is_bad())
        {
            tick();
            let file = bad.name.bad();
            esp::rename(&self.root, &self.mounts, bad, &file)?;
            done.push(format!("boot entry '{}' is bad now: '{file}'", bad.file));
        }
        self.verify(from, id)?;
        if done.is_empty() {
            done.push(format!(
                "the boot loader was told already: its default is '{id}'"
            ));
        }
        Ok(done)
    }
}

impl Bls {
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
        variables.remove(GRUB_DEFAULT).filter(|id| !id.is_empty())
    }

    /// Of all that boot the snapshot: what the loader is told already, else one that was blessed (it has no counter), else
    /// one with starts left, a bad one last; of several kernels the newest. Where none names the snapshot, one that boots
    /// whatever the default subvolume is.
    fn target<'f>(&self, found: &'f [Found], to: &SnapshotId) -> Option<&'f Found> {
        let told = self
            .variables
            .read(DEFAULT)
            .ok()
            .flatten()
            .unwrap_or_default();
        let rank = |found: &Found| match found.name.left {
            Some(0) => 0,
            Some(_) => 1,
            None => 2,
        };
        let best = |boots: Boots| {
            let candidates = found.iter().filter(|found| found.boots == boots);
            candidates.max_by(|a, b| {
                let is_told =
                    |found: &Found| !found.is_bad() && found.name.id.eq_ignore_ascii_case(&told);
                (is_told(a), rank(a))
                    .cmp(&(is_told(b), rank(b)))
                    .then_with(|| compare(&a.name.id, &b.name.id))
            })
        };
        best(Boots::Snapshot(to.number)).or_else(|| best(Boots::Default))
    }

    /// Whether a variable is not set to this entry.
    fn told_other(&self, variable: &str, id: &str) -> bool {
        let told = self.variables.read(variable).ok().flatten();
        told.is_none_or(|told| !told.eq_ignore_ascii_case(id))
    }

    /// A default in GRUB's environment is kept the same as the variable.
    fn tell_grub(&self, id: &str, done: &mut Vec<String>) -> Result<()> {
        let (Some(block), Some(told)) = (&self.block, self.grub_default()) else {
            return Ok(());
        };
        if !told.eq_ignore_ascii_case(id) {
            block.set(&[(GRUB_DEFAULT, id)])?;
            done.push(format!(
                "'{GRUB_DEFAULT}' set to '{id}' in '{}'",
                block.path().display()
            ));
        }
        Ok(())
    }

    /// Removes what goes before the default: an entry for one boot, if it is of the bad snapshot (somebody may have asked
    /// for the firmware's menu); a preferred one, unless it is of the good one.
    fn forget_others(
        &self,
        found: &[Found],
        from: &SnapshotId,
        to: &SnapshotId,
        done: &mut Vec<String>,
    ) -> Result<()> {
        for variable in [ONE_SHOT, PREFERRED] {
            let Some(told) = self.variables.read(variable).ok().flatten() else {
                continue;
            };
            let mut same = found
                .iter()
                .filter(|found| found.name.id.eq_ignore_ascii_case(&told));
            let boots = same.next().map(|found| found.boots);
            let keep = match variable {
                ONE_SHOT => boots != Some(Boots::Snapshot(from.number)),
                _ => boots == Some(Boots::Snapshot(to.number)),
            };
            if !keep {
                self.variables.remove(variable)?;
                done.push(format!("{variable} removed, which was '{told}'"));
            }
        }
        Ok(())
    }

    /// Reads everything back.
    fn verify(&self, from: &SnapshotId, id: &str) -> Result<()> {
        if self.told_other(DEFAULT, id) {
            bail!("{DEFAULT} is not '{id}'");
        }
        let (found, _) = esp::entries(&self.root, &self.mounts);
        let default = found
            .iter()
            .find(|found| found.name.id.eq_ignore_ascii_case(id));
        if default.is_none_or(Found::is_bad) {
            bail!("boot entry '{id}' is gone or bad");
        }
        let left = found
            .iter()
            .find(|found| found.boots == Boots::Snapshot(from.number) && !found.is_bad());
        if let Some(left) = left {
            bail!("boot entry '{}' of {from} is not marked as bad", left.file);
        }
        Ok(())
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
