//! Deployments in memory, for tests: a disk and a boot loader that outlive the boots of a machine that is not there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use health_checks::config::Config;

use super::{Deployments, Tools};
use crate::model::deployment::{Deployment, Exists};
use crate::model::loader::{Look, Offer};
use crate::model::rescue::Rescue;
use crate::state::KnownGood;
use crate::state::incident::Incident;

/// What is on the disk.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// All that exist.
    pub all: Vec<Deployment>,
    /// What is booted next.
    pub next: Option<Deployment>,
    /// What the boot loader did and would do.
    pub look: Look,
    /// Marked as good outside of the state.
    pub marked: Vec<Deployment>,
    /// Notes of incidents.
    pub notes: Vec<(PathBuf, Incident)>,
    /// What the rescue programs did.
    pub rescues: Vec<Rescue>,
    /// What the rescue programs may go back to.
    pub rescue: Vec<Deployment>,
    /// What the boot loader could try.
    pub offer: Option<Offer>,
    /// What was done, in order.
    pub done: Vec<String>,
    /// Each attempt to change what is next fails.
    pub is_stuck: bool,
    /// The boot loader cannot be told anything.
    pub is_deaf: bool,
    /// The boot loader cannot be told what is good.
    pub is_forgetful: bool,
    /// How often the boot loader was told that a boot was judged.
    pub judged: u32,
    /// The state, to see what was written down before anything was done.
    pub state: PathBuf,
}

/// A disk: clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Content>>);

/// The disk as it is seen from a boot.
#[derive(Debug)]
pub struct Memory {
    disk: Disk,
    booted: Deployment,
}

impl Disk {
    /// One with these numbers; the last is next.
    pub fn with(numbers: &[u64]) -> Self {
        let all: Vec<Deployment> = numbers.iter().copied().map(Deployment::numbered).collect();
        let disk = Self::default();
        disk.content().next = all.last().cloned();
        disk.content().all = all;
        disk
    }

    /// Its content, to look at and to change.
    pub fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As seen from a boot of one of them.
    pub fn booted(&self, deployment: &Deployment) -> Memory {
        Memory {
            disk: self.clone(),
            booted: deployment.clone(),
        }
    }
}

impl Memory {
    fn note(&self, what: String) {
        self.disk.content().done.push(what);
    }
}

impl Deployments for Memory {
    fn booted(&self) -> &Deployment {
        &self.booted
    }

    fn next(&self) -> Result<Option<Deployment>> {
        Ok(self.disk.content().next.clone())
    }

    fn exists(&self, deployment: &Deployment) -> Exists {
        match self.disk.content().all.contains(deployment) {
            true => Exists::Yes,
            false => Exists::No,
        }
    }

    fn look(&self) -> Look {
        self.disk.content().look.clone()
    }

    fn set_next(
        &self,
        from: &Deployment,
        to: &Deployment,
        entry: Option<&str>,
        tools: Tools,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        tick();
        if self.disk.content().is_stuck {
            bail!("the disk is stuck");
        }
        if self.exists(to) != Exists::Yes {
            bail!("{to} does not exist any more");
        }
        let state = std::fs::read_to_string(&self.disk.content().state).unwrap_or_default();
        let written = match state.contains("\"progress\": \"intended\"") {
            true => "",
            false => ", not written down",
        };
        let entry = entry.map_or_else(String::new, |entry| format!(" by {entry}"));
        let without = match tools {
            Tools::All => "",
            Tools::WithoutBus => " without D-Bus",
        };
        self.note(format!("{from} to {to}{entry}{without}{written}"));
        self.disk.content().next = Some(to.clone());
        Ok(vec!["by memory".to_owned()])
    }

    fn mark_judged(&self, _: u32) -> Result<()> {
        self.disk.content().judged += 1;
        Ok(())
    }

    fn mark_good(&self, bad: &[Deployment]) -> Result<()> {
        if self.disk.content().is_forgetful {
            bail!("the boot loader is forgetful");
        }
        let bad: Vec<&str> = bad.iter().map(Deployment::name).collect();
        self.note(format!("{} good, bad: {bad:?}", self.booted));
        Ok(())
    }

    fn keep(&self, good: &[KnownGood], _: &[Deployment], _: &dyn Fn()) -> Vec<String> {
        let good = good.iter().map(|known| known.deployment.clone());
        self.disk.content().marked = good.collect();
        Vec::new()
    }

    fn marked_good(&self) -> Vec<Deployment> {
        self.disk.content().marked.clone()
    }

    fn tell_rescue(&self, _: &Config, good: &[KnownGood]) -> Vec<String> {
        let good = good.iter().map(|known| known.deployment.clone());
        self.disk.content().rescue = good.collect();
        Vec::new()
    }

    fn rescues(&self) -> Vec<Rescue> {
        self.disk.content().rescues.clone()
    }

    fn forget_rescues(&self) {
        self.disk.content().rescues.clear();
    }

    fn leave_note(&self, incident: &Incident) -> Result<()> {
        let path = PathBuf::from(&self.booted.id);
        self.disk.content().notes.push((path, incident.clone()));
        Ok(())
    }

    fn notes(&self) -> Vec<(PathBuf, Incident)> {
        self.disk.content().notes.clone()
    }

    fn can_try(&self, _: &Deployment, _: Option<(&str, &str)>) -> Result<Option<Offer>> {
        Ok(self.disk.content().offer.clone())
    }

    fn set_one_shot(&self, entry: &str, good: &str) -> Result<()> {
        let look = &mut self.disk.content().look;
        look.one_shot = Some(entry.to_owned());
        look.default = Some(good.to_owned());
        Ok(())
    }

    fn restore_default(&self, entry: &str, good: &str) -> Result<()> {
        if self.disk.content().is_deaf {
            bail!("the boot loader is deaf");
        }
        let look = &mut self.disk.content().look;
        if look.default.as_deref() == Some(good) {
            look.default = Some(entry.to_owned());
        }
        Ok(())
    }

    fn unset_one_shot(&self, _: &str) -> Result<()> {
        self.disk.content().look.one_shot = None;
        Ok(())
    }
}
