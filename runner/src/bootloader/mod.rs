//! What the boot loader did and would do, and telling it of verdicts and rollbacks. Knows of snapshots only their ids.

mod bls;
pub mod command_line;
mod efi;
mod grub;
pub mod snapshot;

use std::path::PathBuf;

use anyhow::{Result, bail};
use health_checks::Root;
use serde::Serialize;

use crate::model::loader::{Look, Offer};
use crate::sys::mountinfo::Mount;
use command_line::KernelLine;
use efi::Variables;
use grub::block::Block;
use snapshot::SnapshotId;

/// The boot loaders that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// None that is understood; containers have none at all.
    None,
    /// GRUB with an environment block.
    Grub,
    /// systemd-boot.
    SystemdBoot,
    /// GRUB that reads entries of the Boot Loader Specification, as openSUSE has it.
    Grub2Bls,
}

impl Kind {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Grub => "grub",
            Self::SystemdBoot => "systemd-boot",
            Self::Grub2Bls => "grub2-bls",
        }
    }
}

/// A boot entry of the Boot Loader Specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name without the counter, as boot loaders call it: `snap-3.conf`.
    pub id: String,
    /// Its file.
    pub path: Option<PathBuf>,
    /// Number of the snapshot that it boots. `None`: no snapshot, or whatever the default subvolume is.
    pub snapshot: Option<u64>,
    /// How often it may still be started. `None`: it is not counted (any more), 0: it is bad.
    pub tries_left: Option<u32>,
    /// How often it was started since it is counted.
    pub tries_done: Option<u32>,
}

/// What the boot loader did and would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Which one it is.
    pub kind: Kind,
    /// The entry that was booted, with what it is now.
    pub booted: Option<Entry>,
    /// The entry that it has been told to boot. `None`: it chooses by its own order, or has no such entries.
    pub default: Option<Entry>,
    /// The entry that it boots once, before the default.
    pub one_shot: Option<String>,
    /// All entries.
    pub entries: Vec<Entry>,
    /// How often the default may still be started before the loader falls back by itself. `None`: not counted.
    pub tries: Option<u32>,
    /// Snapshot that GRUB falls back to.
    pub fallback: Option<u64>,
    /// Whether it gave up on the default snapshot and booted another one in its place.
    pub fell_back: bool,
    /// What could not be read or contradicts itself.
    pub warnings: Vec<String>,
}

impl View {
    pub(crate) fn empty(kind: Kind) -> Self {
        Self {
            kind,
            booted: None,
            default: None,
            one_shot: None,
            entries: Vec::new(),
            tries: None,
            fallback: None,
            fell_back: false,
            warnings: Vec::new(),
        }
    }

    /// Whether the boot loader counts boots.
    pub fn counts(&self) -> bool {
        let mut entries = self.entries.iter().chain(&self.booted).chain(&self.default);
        self.tries.is_some() || entries.any(|entry| entry.tries_left.is_some())
    }
}

impl From<&View> for Look {
    fn from(view: &View) -> Self {
        let id = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.id.clone());
        let entries = view.entries.iter();
        Self {
            fell_back: view.fell_back,
            booted: id(&view.booted),
            default: id(&view.default),
            one_shot: view.one_shot.clone(),
            entries: entries
                .map(|entry| (entry.id.clone(), entry.tries_left))
                .collect(),
        }
    }
}

/// A boot loader.
pub trait BootLoader {
    /// What it did and would do; `default` is the number of the snapshot that is the default subvolume. Never fails:
    /// what cannot be read is a warning.
    fn look(&self, default: Option<u64>) -> View;

    /// The boot was judged, whatever the verdict: what marks it as pending is cleared. Writes only what changes.
    ///
    /// # Errors
    /// When the loader takes the next boot for one more after a boot that died.
    fn mark_judged(&self, tries: u32) -> Result<()>;

    /// The boot is healthy: this snapshot, with its path from the top level of the file system, is where to fall back to,
    /// and never to the bad ones, which were rolled back from by somebody who could not say so.
    ///
    /// # Errors
    /// When the loader would fall back to another one.
    fn mark_good(&self, snapshot: &SnapshotId, subvolume: &str, bad: &[SnapshotId]) -> Result<()>;

    /// The default subvolume was changed from `from` to `to`: makes the loader boot `to`, and never `from` by itself.
    /// Durable when this returns. Says what was done. `entry`, if it is known, is what `to` was booted with when it was
    /// healthy: enough where the partition with the entries is not mounted.
    ///
    /// # Errors
    /// When the loader would not boot `to` next.
    fn set_default(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
        entry: Option<&str>,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>>;

    /// Whether it was told which entry to boot until it is told otherwise.
    fn has_default(&self) -> bool {
        false
    }

    /// Whether the loader is going to boot `new` until it is told otherwise, and could boot it only once instead.
    /// `waiting`: entries of a trial that was planned before, and is still to come.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn can_try(
        &self,
        _booted: &SnapshotId,
        _new: &SnapshotId,
        _waiting: Option<(&str, &str)>,
    ) -> Result<Option<Offer>> {
        Ok(None)
    }

    /// The next boot is one by `entry`, all others are by `good`.
    ///
    /// # Errors
    /// When it is not so.
    fn set_one_shot(&self, _entry: &str, _good: &str) -> Result<()> {
        bail!("this boot loader tries nothing")
    }

    /// All boots are by `entry` again. Whether it was so that the loader went on with `good`: otherwise nothing is done.
    ///
    /// # Errors
    /// When it is not so.
    fn restore_default(&self, _entry: &str, _good: &str) -> Result<bool> {
        Ok(false)
    }

    /// The next boot is none by `entry` once more, if it was to be.
    ///
    /// # Errors
    /// When it still is.
    fn unset_one_shot(&self, _entry: &str) -> Result<()> {
        Ok(())
    }
}

/// The boot loader of this machine: by what it said in EFI variables, and by what is installed. A directory with entries
/// alone proves nothing: GRUB of other distributions has one too.
pub fn detect(root: &Root, mounts: &[Mount]) -> Box<dyn BootLoader> {
    let variables = Variables::new(root, mounts);
    let command_line = KernelLine::read(root);
    match kind(&variables) {
        kind @ (Kind::SystemdBoot | Kind::Grub2Bls) => Box::new(bls::Bls {
            kind,
            root: root.clone(),
            mounts: mounts.to_owned(),
            variables,
            command_line,
            block: match kind {
                Kind::Grub2Bls => Block::beside_program(root, mounts),
                _ => None,
            },
        }),
        Kind::None | Kind::Grub => match Block::find(root, mounts) {
            Some(block) => Box::new(grub::Grub {
                root: root.clone(),
                block,
                command_line,
            }),
            None => Box::new(NoBootLoader),
        },
    }
}

/// GRUB's environment block, if there is one.
pub fn block(root: &Root, mounts: &[Mount]) -> Option<Block> {
    match kind(&Variables::new(root, mounts)) {
        Kind::Grub2Bls => Block::beside_program(root, mounts),
        Kind::None | Kind::Grub | Kind::SystemdBoot => Block::find(root, mounts),
    }
}

/// By what it said.
fn kind(variables: &Variables) -> Kind {
    let info = variables.read("LoaderInfo").ok().flatten();
    let info = info.unwrap_or_default();
    if info.starts_with("systemd-boot") {
        Kind::SystemdBoot
    } else if info.starts_with("GRUB") && bls::grub_reads_entries(variables) {
        Kind::Grub2Bls
    } else {
        Kind::None
    }
}

/// None, or none that we understand: nothing to tell it.
struct NoBootLoader;

impl BootLoader for NoBootLoader {
    fn look(&self, _: Option<u64>) -> View {
        View::empty(Kind::None)
    }

    fn mark_judged(&self, _: u32) -> Result<()> {
        Ok(())
    }

    fn mark_good(&self, _: &SnapshotId, _: &str, _: &[SnapshotId]) -> Result<()> {
        Ok(())
    }

    fn set_default(
        &self,
        _: &SnapshotId,
        _: &SnapshotId,
        _: Option<&str>,
        _: &dyn Fn(),
    ) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
