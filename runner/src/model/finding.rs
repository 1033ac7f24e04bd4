//! What a boot was found to be, and what remains to be done about it.

use crate::model::facts::{BootKey, Outcome, Verdict};

/// What a boot was found to be.
#[derive(Debug)]
pub struct Finding {
    /// The verdict, [`Verdict::Unknown`] where there is none.
    pub verdict: Verdict,
    /// All checks.
    pub checks: Vec<Outcome>,
    /// The boot that was found so, if it is not the one that goes on now.
    pub of: Option<BootKey>,
}

impl Finding {
    /// There is no verdict, because of this.
    pub fn unjudged(checks: Vec<Outcome>) -> Self {
        Self {
            verdict: Verdict::Unknown,
            checks,
            of: None,
        }
    }
}

/// How far the boot has come, which says what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before sysinit.target: no bus, no services, and nothing to be said of this boot. It may still be judged.
    Early,
    /// There is no bus.
    NoBus,
    /// An ordinary system.
    System,
}

/// What remains for the caller to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The boot is healthy and recorded.
    Healthy,
    /// The boot is not healthy; what was to be done was done.
    Unhealthy,
    /// Restart failing services, run the failed checks again and come back.
    RestartServices,
    /// The machine reboots: nothing else may be done.
    Rebooting,
}
