//! The values of the options, and their defaults.

use std::time::Duration;

use super::{Place, glob};
use crate::settings::RETRY;

/// `[Checks]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// `DefaultTimeoutSec=`: time limit of one run, for checks without one of their own.
    pub timeout: Duration,
    /// `DefaultRetries=`: how many times a check that failed is started again.
    pub retries: u32,
    /// `DefaultRetrySec=`: how long to wait before that.
    pub retry: Duration,
    /// `StableSec=`: how long a unit that was hung into the health target must have been running.
    pub stable: Duration,
    /// `SettleTimeoutSec=`: how long to wait for the boot to settle.
    pub settle: Duration,
    /// `Disable=`: checks that are not run.
    pub disable: Vec<Disable>,
}

/// A word of `Disable=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disable {
    /// Name of a check or a unit, perhaps with globs.
    pub pattern: String,
    /// Where it is written.
    pub place: Place,
}

impl Disable {
    /// Whether it means a check or a unit of this name.
    pub fn means(&self, name: &str) -> bool {
        glob::matches(&self.pattern, name)
    }
}

/// `[Escalation]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// `NewSnapshot=`: what is done where a snapshot fails that was never healthy.
    pub new: Ladder,
    /// `KnownGoodSnapshot=`: what is done where one fails that was healthy before.
    pub known_good: Ladder,
    /// `Tries=`: boots granted to a new snapshot before it is rolled back.
    pub tries: u32,
    /// `Stop=`: what becomes of the machine when services were stopped.
    pub stop: Stop,
}

/// A step that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Restart failing services, and check again.
    Restart,
    /// Reboot into the same snapshot.
    Reboot,
    /// Go back to a known good snapshot.
    Rollback,
    /// Stop services.
    Stop,
}

impl Rung {
    /// All, in the order in which they are taken.
    pub const ALL: [Self; 4] = [Self::Restart, Self::Reboot, Self::Rollback, Self::Stop];

    /// As written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reboot => "reboot",
            Self::Rollback => "rollback",
            Self::Stop => "stop",
        }
    }
}

/// The steps that may be taken, in the order of [`Rung::ALL`]. Without any, everything is only reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder(pub Vec<Rung>);

impl Ladder {
    /// Whether it contains a step.
    pub fn has(&self, rung: Rung) -> bool {
        self.0.contains(&rung)
    }
}

/// What becomes of the machine when services were stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It stays up and reachable.
    Stop,
    /// It enters rescue mode.
    Rescue,
    /// It enters emergency mode.
    Emergency,
    /// It is switched off.
    Poweroff,
}

impl Stop {
    /// All.
    pub const ALL: [Self; 4] = [Self::Stop, Self::Rescue, Self::Emergency, Self::Poweroff];

    /// As written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Rescue => "rescue",
            Self::Emergency => "emergency",
            Self::Poweroff => "poweroff",
        }
    }
}

/// `[Boot]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// `ActInContainer=`: act in a container as on a machine.
    pub act_in_container: bool,
    /// `DeadlineSec=`: how long after the start of userspace there must be a verdict; zero: no matter how long.
    pub deadline: Duration,
}

impl Default for Boot {
    fn default() -> Self {
        Self {
            act_in_container: false,
            // As health-checker-deadline.timer has it.
            deadline: Duration::from_secs(15 * 60),
        }
    }
}

/// `[Notify]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify {
    /// `Login=`: tell those who log in.
    pub login: bool,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(90),
            retries: 0,
            retry: RETRY,
            // A boot is waiting for it, and it is more than most services need to find out that they cannot work.
            stable: Duration::from_secs(5),
            settle: Duration::from_secs(300),
            disable: Vec::new(),
        }
    }
}

impl Default for Escalation {
    fn default() -> Self {
        Self {
            new: Ladder(vec![Rung::Rollback, Rung::Stop]),
            known_good: Ladder(Rung::ALL.to_vec()),
            tries: 1,
            stop: Stop::Stop,
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self { login: true }
    }
}
