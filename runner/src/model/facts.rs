//! What is known about a boot: the words that the judge, the policy and the reports share. No I/O.

use serde::{Deserialize, Serialize};

/// Identity of one start of userspace: soft-reboots keep the boot id, so the moment at which PID 1
/// started userspace tells them apart. Never a wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct BootKey {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// `UserspaceTimestampMonotonic` of systemd, in microseconds.
    pub userspace_usec: u64,
}

/// How much a check counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Its failure makes the boot unhealthy.
    Required,
    /// Its failure is reported, and the boot is degraded at most.
    Wanted,
}

impl Severity {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Wanted => "wanted",
        }
    }
}

impl From<health_checks::Severity> for Severity {
    fn from(severity: health_checks::Severity) -> Self {
        match severity {
            health_checks::Severity::Required => Self::Required,
            health_checks::Severity::Wanted => Self::Wanted,
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// Healthy.
    Passed,
    /// It ran and said no.
    Failed,
    /// It did not end in time.
    Timeout,
    /// It does not apply here: masked, or a condition of its unit is not met.
    Skipped,
    /// It could not be run at all.
    Error,
    /// No result yet.
    Pending,
}

impl CheckResult {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
            Self::Error => "error",
            Self::Pending => "pending",
        }
    }

    /// Whether this counts against the boot. A check without a result has not passed.
    pub fn is_bad(self) -> bool {
        match self {
            Self::Passed | Self::Skipped => false,
            Self::Failed | Self::Timeout | Self::Error | Self::Pending => true,
        }
    }
}

/// One check of this boot with its result, as `status --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Readable name.
    pub name: String,
    /// systemd unit.
    pub unit: String,
    /// The file it was made from, if it was made from one.
    pub source: Option<String>,
    /// How much it counts.
    pub severity: Severity,
    /// What came of it.
    pub result: CheckResult,
    /// Exit status, if a process ran and exited.
    pub exit_status: Option<i32>,
    /// How long it ran, in microseconds.
    pub duration_usec: Option<u64>,
    /// One sentence: why.
    pub message: String,
    /// How often it was run until it had this result (`Retries=`).
    #[serde(default)]
    pub tries: u32,
    /// Its unit was not started in this boot, as far as systemd knows.
    #[serde(skip)]
    pub never_started: bool,
}

impl Outcome {
    /// A finding that is no unit of its own: judged like a check, so that it can neither be lost nor overlooked.
    pub fn finding(name: &str, unit: &str, severity: Severity, message: String) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            source: None,
            severity,
            result: CheckResult::Error,
            exit_status: None,
            duration_usec: None,
            message,
            tries: 1,
            never_started: false,
        }
    }
}

/// What a boot is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All required and wanted checks passed or were skipped.
    Healthy,
    /// Only wanted checks failed: counts as healthy.
    Degraded,
    /// A required check did not pass.
    Unhealthy,
    /// The boot has not been judged yet.
    Pending,
    /// There is nothing to tell it from: the runner did not run, or broke down.
    Unknown,
}

impl Verdict {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }

    /// Judges a finished boot by its checks.
    pub fn of(checks: &[Outcome]) -> Self {
        let bad = |severity| {
            checks
                .iter()
                .any(|check| check.severity == severity && check.result.is_bad())
        };
        if bad(Severity::Required) {
            Self::Unhealthy
        } else if bad(Severity::Wanted) {
            Self::Degraded
        } else {
            Self::Healthy
        }
    }
}

/// What the runner does about a verdict, as `status --json` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing.
    None,
    /// Failing services are restarted and the failed checks run again.
    Restart,
    /// The machine is rebooted into the same deployment.
    Reboot,
    /// The default goes back to a known good deployment, then the machine is rebooted.
    Rollback,
    /// Services are stopped, the machine stays up for an administrator.
    Stop,
}

impl Action {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Restart => "restart",
            Self::Reboot => "reboot",
            Self::Rollback => "rollback",
            Self::Stop => "stop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(severity: Severity, result: CheckResult) -> Outcome {
        Outcome {
            result,
            ..Outcome::finding("x", "health-check@x.service", severity, String::new())
        }
    }

    #[test]
    fn required_checks_decide_and_wanted_ones_degrade() {
        use CheckResult::{Error, Failed, Passed, Pending, Skipped, Timeout};
        assert_eq!(Verdict::of(&[]), Verdict::Healthy);
        assert_eq!(
            Verdict::of(&[
                check(Severity::Required, Passed),
                check(Severity::Required, Skipped)
            ]),
            Verdict::Healthy
        );
        for bad in [Failed, Timeout, Error, Pending] {
            let passed = check(Severity::Required, Passed);
            assert_eq!(
                Verdict::of(&[passed.clone(), check(Severity::Required, bad)]),
                Verdict::Unhealthy
            );
            assert_eq!(
                Verdict::of(&[passed, check(Severity::Wanted, bad)]),
                Verdict::Degraded
            );
        }
    }
}
