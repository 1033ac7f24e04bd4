//! The verdict of this boot in `/run/health-checker/report.json`: for `status`, and for whoever takes over from a
//! runner that died.

use serde::{Deserialize, Serialize};

use crate::model::deployment::Deployment;
use crate::model::facts::{Action, BootKey, Outcome, Verdict};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The boot.
    pub boot: BootKey,
    /// The verdict.
    pub verdict: Verdict,
    /// What is done about it.
    pub action: Action,
    /// One sentence: why that, or why nothing.
    pub why: String,
    /// What is booted.
    pub deployment: Option<Deployment>,
    /// All checks.
    pub checks: Vec<Outcome>,
    /// What was wrong beside the checks.
    pub warnings: Vec<String>,
}
