//! What must survive a reboot: known good and bad deployments, the checks last seen, the incident, past boots.

pub mod attempts;
pub mod incident;
pub mod lock;
pub mod runtime;
pub mod store;
mod strict;
pub mod trial;

use serde::{Deserialize, Serialize};

use crate::model::deployment::{Deployment, Exists};
use crate::model::facts::{Action, BootKey, CheckResult, Verdict};
use crate::model::rescue::{Author, Rescue};
use attempts::Attempt;
use incident::{FailedCheck, Incident, Progress};
use trial::Trial;

/// Version of the format written by this program.
pub const VERSION: u32 = 2;
/// So many known good deployments are kept and protected from cleanup; older ones are released.
const KNOWN_GOOD_LIMIT: usize = 3;
/// So many boots and ended incidents are remembered.
const HISTORY_LIMIT: usize = 100;
const PAST_LIMIT: usize = 20;

/// The whole state; `state.json` is this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Format version.
    pub version: u32,
    /// Deployments that were healthy, the one most recently seen healthy first.
    #[serde(default)]
    pub known_good: Vec<KnownGood>,
    /// Deployments that were rolled back from.
    #[serde(default)]
    pub bad: Vec<Bad>,
    /// The checks of the last healthy boot.
    #[serde(default)]
    pub checks: Vec<KnownCheck>,
    /// The incident that is open, or the last one that nobody has acknowledged yet.
    #[serde(default)]
    pub incident: Option<Incident>,
    /// Incidents before that one, newest first.
    #[serde(default)]
    pub past: Vec<Incident>,
    /// Judged boots, newest first, and those that died before.
    #[serde(default)]
    pub history: Vec<BootRecord>,
    /// Boots that began and have no verdict, newest first.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// A deployment that the boot loader boots once.
    #[serde(default)]
    pub trial: Option<Trial>,
}

/// A deployment that was healthy once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGood {
    /// Which one.
    pub deployment: Deployment,
    /// Whether its last boot settled (no start job still running after the time limit).
    pub settled: bool,
    /// Boot loader entry that it was last booted with, without its counter.
    #[serde(default)]
    pub entry: Option<String>,
}

impl KnownGood {
    /// One that was healthy now.
    pub fn new(deployment: &Deployment, settled: bool) -> Self {
        Self {
            deployment: deployment.clone(),
            settled,
            entry: None,
        }
    }
}

/// A deployment that was rolled back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// Which one.
    pub deployment: Deployment,
    /// The checks that failed there.
    pub reason: String,
}

/// A check as last seen, so that one that vanishes is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCheck {
    /// Readable name.
    pub name: String,
    /// systemd unit.
    pub unit: String,
    /// The file it was made from.
    pub source: String,
    /// Mount point that the file was on.
    pub mount: String,
}

/// One judged boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRecord {
    /// Which boot.
    pub boot: BootKey,
    /// When it was judged, in seconds since 1970 (for people: nothing is decided by it).
    pub at: u64,
    /// What was booted.
    pub deployment: Option<Deployment>,
    /// The verdict.
    pub verdict: Verdict,
    /// Failed checks, by name.
    pub failed: Vec<String>,
    /// What was done.
    pub action: Action,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            known_good: Vec::new(),
            bad: Vec::new(),
            checks: Vec::new(),
            incident: None,
            past: Vec::new(),
            history: Vec::new(),
            attempts: Vec::new(),
            trial: None,
        }
    }
}

impl State {
    /// Records a healthy boot: the deployment becomes the newest known good one, an open incident ends.
    /// Known good ones that do not exist any more are forgotten. Returns those that are no longer kept as places to go
    /// back to.
    pub fn commit(
        &mut self,
        good: KnownGood,
        boot: &BootKey,
        exists: &dyn Fn(&Deployment) -> Exists,
    ) -> Vec<Deployment> {
        let deployment = &good.deployment;
        self.known_good
            .retain(|known| exists(&known.deployment) != Exists::No);
        self.known_good
            .retain(|known| known.deployment != *deployment);
        self.bad.retain(|bad| bad.deployment != *deployment);
        self.attempts.clear();
        if let Some(incident) = self.incident.as_mut().filter(|incident| incident.is_open()) {
            incident.end(boot, Some(deployment));
        }
        self.known_good.insert(0, good);
        self.known_good
            .drain(KNOWN_GOOD_LIMIT.min(self.known_good.len())..)
            .map(|known| known.deployment)
            .collect()
    }

    /// Where no known good deployment is left that exists, takes over what is known to be good elsewhere: a list without a
    /// place to go back to was lost, whatever it says. Never one that is known to be bad here. Whether there was any.
    pub fn salvage(
        &mut self,
        elsewhere: impl FnOnce() -> Vec<Deployment>,
        exists: &dyn Fn(&Deployment) -> Exists,
    ) -> bool {
        let mut known = self.known_good.iter();
        if known.any(|known| exists(&known.deployment) == Exists::Yes) {
            return false;
        }
        let mut found = elsewhere();
        found.retain(|deployment| self.bad.iter().all(|bad| bad.deployment != *deployment));
        let found = found
            .iter()
            .map(|deployment| KnownGood::new(deployment, false));
        let before = self.known_good.len();
        self.known_good.extend(found);
        self.known_good.len() > before
    }

    /// Whether exactly this deployment was healthy once.
    pub fn is_known_good(&self, deployment: &Deployment) -> bool {
        self.known_good
            .iter()
            .any(|known| known.deployment == *deployment)
    }

    /// The boot entry that a known good deployment was last healthy with.
    pub fn entry_of(&self, deployment: &Deployment) -> Option<&str> {
        let known = self.known_good.iter();
        known
            .filter(|known| known.deployment == *deployment)
            .find_map(|known| known.entry.as_deref())
    }

    /// Whether the boots of the newest known good deployment did settle.
    pub fn usually_settles(&self) -> bool {
        self.known_good.first().is_some_and(|known| known.settled)
    }

    /// Where to roll back to from `booted`: the newest known good deployment that `exists`, is not bad and did not
    /// fail in this incident. From a known good one only to an earlier one: if somebody went back from a newer
    /// one by hand, there was a reason.
    pub fn rollback_target(
        &self,
        booted: &Deployment,
        exists: &dyn Fn(&Deployment) -> Exists,
    ) -> Option<Deployment> {
        let after = self
            .known_good
            .iter()
            .position(|known| known.deployment == *booted)
            .map_or(0, |at| at + 1);
        let failed_now = |deployment: &Deployment| {
            self.open_incident()
                .is_some_and(|incident| incident.has_failed(deployment))
        };
        let is_bad =
            |deployment: &Deployment| self.bad.iter().any(|bad| bad.deployment == *deployment);
        self.known_good
            .iter()
            .skip(after)
            .map(|known| &known.deployment)
            .find(|deployment| {
                *deployment != booted
                    && !is_bad(deployment)
                    && !failed_now(deployment)
                    && exists(deployment) == Exists::Yes
            })
            .cloned()
    }

    /// The incident that is going on.
    pub fn open_incident(&self) -> Option<&Incident> {
        self.incident.as_ref().filter(|incident| incident.is_open())
    }

    /// Opens a new incident, or goes on with the open one. One that ended unacknowledged goes to the past.
    pub fn incident_for(
        &mut self,
        boot: &BootKey,
        deployment: Option<&Deployment>,
    ) -> &mut Incident {
        if let Some(ended) = self.incident.take_if(|incident| !incident.is_open()) {
            self.archive(ended);
        }
        self.incident
            .get_or_insert_with(|| Incident::new(boot, deployment))
    }

    /// Takes over an incident that an earlier boot could not write down here: as the one that is open, unless it is
    /// known already. The deployment that it was rolled back from is bad.
    pub fn take_over(&mut self, incident: Incident) {
        let known = self.incident.iter().chain(&self.past);
        if known.into_iter().any(|known| known.boot == incident.boot) {
            return;
        }
        if let (Some(deployment), Some(_)) = (&incident.deployment, incident.step(Action::Rollback))
        {
            let failed: Vec<&str> = incident
                .failed
                .iter()
                .map(|check| check.name.as_str())
                .collect();
            self.mark_bad(
                &deployment.clone(),
                format!("failed: {}", failed.join(", ")),
            );
        }
        if let Some(before) = self.incident.replace(incident) {
            self.archive(before);
        }
    }

    /// Takes over what the initrd or the rescue program did, unless it is known already: it was a rollback.
    pub fn take_over_rescue(&mut self, rescue: &Rescue) {
        let boot = BootKey {
            boot_id: rescue.boot_id.clone(),
            userspace_usec: 0,
        };
        let incidents = self.incident.iter().chain(&self.past);
        let mut known = incidents.flat_map(|incident| &incident.failed);
        if known.any(|check| check.boot == boot) {
            return;
        }
        let from = rescue.from.as_ref();
        let incident = self.incident_for(&boot, from);
        incident.record_failed(vec![FailedCheck {
            boot: boot.clone(),
            deployment: from.cloned(),
            name: "boot".to_owned(),
            unit: format!("health-checker-{}", rescue.who.as_str()),
            result: CheckResult::Error,
            exit_status: None,
            message: format!(
                "{} died before it was judged: {}",
                rescue.label, rescue.reason
            ),
            log: Vec::new(),
        }]);
        incident.intend(Action::Rollback, &boot, rescue.to.as_ref());
        let by = match rescue.who {
            Author::Initrd => "by the initrd",
            Author::Rescue => "by the rescue program",
        };
        incident.finish(Action::Rollback, Progress::Intended, vec![by.to_owned()]);
        if let Some(from) = from {
            self.mark_bad(&from.clone(), "died before it was judged".to_owned());
        }
    }

    /// Acknowledges the incident: it goes to the past. `None`: there was none.
    pub fn acknowledge(&mut self) -> Option<Incident> {
        let incident = self.incident.take()?;
        self.archive(incident.clone());
        Some(incident)
    }

    /// Remembers a judged boot. What came of restarting services replaces that it was tried.
    pub fn remember(&mut self, record: BootRecord) {
        self.judged(&record.boot);
        self.history
            .retain(|known| known.boot != record.boot || known.action != Action::Restart);
        self.history.insert(0, record);
        self.history.truncate(HISTORY_LIMIT);
    }

    /// The deployments that were rolled back from in the incident that goes on.
    pub fn bad_of_incident(&self) -> Vec<Deployment> {
        let Some(incident) = self.open_incident() else {
            return Vec::new();
        };
        let bad = self.bad.iter().map(|bad| &bad.deployment);
        bad.filter(|deployment| incident.has_failed(deployment))
            .cloned()
            .collect()
    }

    /// Remembers a deployment as bad.
    pub fn mark_bad(&mut self, deployment: &Deployment, reason: String) {
        self.bad.retain(|bad| bad.deployment != *deployment);
        self.bad.insert(
            0,
            Bad {
                deployment: deployment.clone(),
                reason,
            },
        );
        self.bad.truncate(HISTORY_LIMIT);
    }

    fn archive(&mut self, incident: Incident) {
        self.past.insert(0, incident);
        self.past.truncate(PAST_LIMIT);
    }
}

#[cfg(test)]
mod tests;
