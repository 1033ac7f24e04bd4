//! What can be booted and gone back to: a room for each kind, and this trait in front of them. Who is above knows nothing
//! else of them, and they know nothing of each other.

#[cfg(test)]
pub mod memory;
mod snapper;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use health_checks::Root;
use health_checks::config::Config;
use serde_json::{Value, json};

use crate::bootloader::View;
use crate::model::deployment::{Deployment, Exists};
use crate::model::loader::{Look, Offer};
use crate::model::rescue::Rescue;
use crate::state::KnownGood;
use crate::state::incident::Incident;
use crate::state::store::Store;
use crate::sys::mountinfo::Mount;

/// What was found on this machine, if it could be looked at.
pub type Detected = Result<Option<Box<dyn Deployments>>>;

/// One kind of deployments.
struct BackEnd {
    /// The first word of its identities.
    kind: &'static str,
    /// Whether this machine was booted from one, by its mounts alone.
    is_booted: fn(&[Mount]) -> bool,
    /// Looks at this machine.
    detect: fn(&Root, &[Mount]) -> Detected,
    /// Whether the boot loader could try one once. Cheap: each shutdown asks.
    may_try: fn(&Root, &[Mount]) -> bool,
    /// A deployment as `--json` prints it where it always has been one of this kind.
    to_json: fn(&Deployment) -> Option<Value>,
}

/// All kinds, in the order in which they are looked for.
const BACK_ENDS: [BackEnd; 1] = [snapper::BACK_END];

/// The deployments of a machine: which one is booted, which one is next, which ones exist; and going back.
pub trait Deployments: Debug + Send {
    /// The booted one.
    fn booted(&self) -> &Deployment;

    /// What is booted next, if nobody chooses in a menu. `None`: something that is none of these.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn next(&self) -> Result<Option<Deployment>>;

    /// Whether exactly this one is there.
    fn exists(&self, deployment: &Deployment) -> Exists;

    /// What the boot loader did and would do. Not early in a boot: its partition need not be mounted yet.
    fn look(&self) -> Look;

    /// Makes `to` what is booted next, and never `from` by itself, the boot loader included. Durable when this returns, and
    /// read back. Says what was done; that it was so already is no error. `entry`, if it is known, is the boot entry that
    /// `to` was healthy with. `tick` is called while waiting.
    ///
    /// # Errors
    /// When `to` would not be booted next; the text holds what each tool said.
    fn set_next(
        &self,
        from: &Deployment,
        to: &Deployment,
        entry: Option<&str>,
        tools: Tools,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>>;

    /// The boot was judged, whatever the verdict: what marks it as pending is cleared. `tries`: boots that a new one has.
    ///
    /// # Errors
    /// When the boot loader takes the next boot for one more after a boot that died.
    fn mark_judged(&self, tries: u32) -> Result<()>;

    /// The booted one is healthy: the boot loader falls back to it, and never to the bad ones.
    ///
    /// # Errors
    /// When the boot loader would do otherwise.
    fn mark_good(&self, bad: &[Deployment]) -> Result<()>;

    /// Marks the good ones outside of `/var` and keeps them from being cleaned up, again where somebody took that back;
    /// `released` ones are kept no more. Gives what is wrong, a sentence each.
    fn keep(&self, good: &[KnownGood], released: &[Deployment], tick: &dyn Fn()) -> Vec<String>;

    /// Known good ones that are marked outside of our state, as far as they exist.
    fn marked_good(&self) -> Vec<Deployment>;

    /// Writes down for programs that run where we cannot (and for health-checker 1.x) which ones are good, and whether to go
    /// back at all. Gives what is wrong, a sentence each.
    fn tell_rescue(&self, config: &Config, good: &[KnownGood]) -> Vec<String>;

    /// What these programs did since the last healthy boot, oldest first.
    fn rescues(&self) -> Vec<Rescue>;

    /// A healthy boot: what they did is in the state, and they may act again.
    fn forget_rescues(&self);

    /// Leaves an incident beside the booted one, durably: for the next boot, where `/var` cannot be written.
    ///
    /// # Errors
    /// When it is not known to be on the disk.
    fn leave_note(&self, incident: &Incident) -> Result<()>;

    /// The notes there are, with the file that each is in.
    fn notes(&self) -> Vec<(PathBuf, Incident)>;

    /// Whether the boot loader is going to boot `new` until it is told otherwise, and could boot it only once instead.
    /// `waiting`: entry and good entry of a trial that was planned before, and is still to come.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn can_try(&self, _new: &Deployment, _waiting: Option<(&str, &str)>) -> Result<Option<Offer>> {
        Ok(None)
    }

    /// The next boot is one by `entry`, all others are by `good`.
    ///
    /// # Errors
    /// When it is not so.
    fn set_one_shot(&self, _entry: &str, _good: &str) -> Result<()> {
        bail!("the boot loader tries nothing")
    }

    /// All boots are by `entry` again, if the loader went on with `good`: otherwise somebody chose what it does.
    ///
    /// # Errors
    /// When it is not so; the text says how to do it by hand.
    fn restore_default(&self, _entry: &str, _good: &str) -> Result<()> {
        Ok(())
    }

    /// The next boot is none by `entry` once more, if it was to be.
    ///
    /// # Errors
    /// When it still is.
    fn unset_one_shot(&self, _entry: &str) -> Result<()> {
        Ok(())
    }
}

/// Which of the system's tools have a chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    /// All.
    All,
    /// Those that need no D-Bus: early in a boot, a client of it would wait until its time limit.
    WithoutBus,
}

/// The deployments of this machine. `Ok(None)`: there is nothing to go back to here, which is no error.
///
/// # Errors
/// When it was booted from one that cannot be identified.
pub fn detect(root: &Root, mounts: &[Mount]) -> Detected {
    for back_end in &BACK_ENDS {
        if let Some(found) = (back_end.detect)(root, mounts)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a machine with these mounts was booted from something that could be gone back from.
pub fn is_booted(mounts: &[Mount]) -> bool {
    BACK_ENDS
        .iter()
        .any(|back_end| (back_end.is_booted)(mounts))
}

/// Whether a new deployment might be tried once. Finding out costs next to nothing.
pub fn may_try(root: &Root, mounts: &[Mount]) -> bool {
    BACK_ENDS
        .iter()
        .any(|back_end| (back_end.may_try)(root, mounts))
}

/// The boot loader as it is shown to people, also where there is nothing to go back to.
pub fn boot_loader(root: &Root, mounts: &[Mount], next: Option<&Deployment>) -> View {
    snapper::boot_loader(root, mounts, next)
}

/// The state of this machine.
pub fn store(root: &Root) -> Store {
    // Version 1 knew of snapper's snapshots only.
    Store::new(root, snapper::upgrade)
}

/// A deployment for programs: `kind`, `id` and `label`.
pub fn to_json(deployment: &Deployment) -> Value {
    json!({
        "kind": deployment.kind(),
        "id": deployment.id,
        "label": deployment.label,
    })
}

/// A deployment as its kind was always printed by `--json`: `number`, `id` and `uuid` of a snapshot.
pub fn to_json_of_kind(deployment: &Deployment) -> Value {
    BACK_ENDS
        .iter()
        .filter(|back_end| back_end.kind == deployment.kind())
        .find_map(|back_end| (back_end.to_json)(deployment))
        .unwrap_or_else(|| to_json(deployment))
}

/// Takes notes away once they are in the state.
pub fn remove_notes(notes: &mut Vec<PathBuf>) {
    for path in notes.drain(..) {
        remove(&path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        log::warn!("'{}' cannot be removed: {error}", path.display());
    }
}
