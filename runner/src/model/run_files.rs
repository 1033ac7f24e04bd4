//! What is known of one boot, and kept in `/run` for whoever comes later in it.

use serde::{Deserialize, Serialize};

use crate::model::facts::BootKey;

/// What is kept of it in `/run`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Armed {
    /// The boot that is counted.
    pub boot: BootKey,
    /// What was wrong then, and is not any more: a damaged state was replaced.
    pub warnings: Vec<String>,
}

/// How the boot settled; kept in `/run` for the runner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settled {
    /// The boot.
    pub boot: BootKey,
    /// Whether it settled in time.
    pub settled: bool,
    /// Units whose jobs were still running when the time was up.
    pub running: Vec<String>,
    /// The time limit, in seconds.
    pub limit_seconds: u64,
    /// Units made of plugins that appeared after the generators had run.
    pub late: Vec<String>,
}
