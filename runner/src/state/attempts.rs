//! Boots that began and have no verdict yet: how one that dies is noticed by the next one.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{BootRecord, HISTORY_LIMIT, State};
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, BootKey, Verdict};

/// Far more than anybody grants.
const LIMIT: usize = 50;

/// A boot that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which boot.
    pub boot: BootKey,
    /// What was booted.
    pub deployment: Deployment,
    /// How it ended, as far as is known.
    pub end: Ending,
}

/// The end of a boot without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// None is known: if it is not the boot that goes on now, it died.
    None,
    /// It was shut down in order.
    ShutDown,
}

impl State {
    /// A boot begins.
    pub fn begin(&mut self, boot: &BootKey, deployment: &Deployment) {
        self.attempts.retain(|attempt| attempt.boot != *boot);
        self.attempts.insert(
            0,
            Attempt {
                boot: boot.clone(),
                deployment: deployment.clone(),
                end: Ending::None,
            },
        );
        self.attempts.truncate(LIMIT);
    }

    /// A boot is shut down in order. Whether it had no verdict until now: otherwise there is nothing to remember.
    pub fn shut_down(&mut self, boot: &BootKey) -> bool {
        let attempt = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.boot == *boot);
        attempt
            .map(|attempt| attempt.end = Ending::ShutDown)
            .is_some()
    }

    /// A boot has a verdict, whatever it is, or none is wanted.
    pub fn judged(&mut self, boot: &BootKey) {
        self.attempts.retain(|attempt| attempt.boot != *boot);
    }

    /// The boots of a deployment, other than this one, that ended without a verdict in a certain way, newest first.
    pub fn unjudged(&self, deployment: &Deployment, boot: &BootKey, end: Ending) -> Vec<BootKey> {
        self.attempts
            .iter()
            .filter(|attempt| {
                attempt.deployment == *deployment && attempt.boot != *boot && attempt.end == end
            })
            .map(|attempt| attempt.boot.clone())
            .collect()
    }

    /// How many boots of a deployment before this one are spent: they failed in the incident that goes on, or died without a
    /// verdict. `Tries=` grants so many, however they ended.
    pub fn spent_boots(&self, deployment: &Deployment, boot: &BootKey) -> usize {
        let died = self.unjudged(deployment, boot, Ending::None);
        let failed = self
            .open_incident()
            .into_iter()
            .flat_map(|incident| incident.failed_boots(deployment));
        let spent: HashSet<&BootKey> = died.iter().chain(failed).collect();
        spent.len() - usize::from(spent.contains(boot))
    }

    /// Boots that died belong to the history as well.
    pub fn note_died(&mut self, deployment: &Deployment, died: &[BootKey], at: u64) {
        for boot in died.iter().rev() {
            if self.history.iter().any(|known| known.boot == *boot) {
                continue;
            }
            self.history.insert(
                0,
                BootRecord {
                    boot: boot.clone(),
                    at,
                    deployment: Some(deployment.clone()),
                    verdict: Verdict::Unknown,
                    failed: vec!["boot".to_owned()],
                    action: Action::None,
                },
            );
        }
        self.history.truncate(HISTORY_LIMIT);
    }
}
