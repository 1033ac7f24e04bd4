//! The names of our units.

/// The unit of the runner.
pub const RUNNER: &str = "health-checker.service";
/// The unit.
pub const SETTLE: &str = "health-check-settle.service";
/// The unit, in whose name a boot that died is reported.
pub const ARM: &str = "health-checker-arm.service";
/// Ordered after settling and all checks, requiring none: its start job waits exactly as long as one of them is queued or runs.
pub const FINISHED: &str = "health-check-finished.target";

/// Whether a unit is one of ours: a check, the runner, settling, their targets and their slice.
pub fn is_ours(unit: &str) -> bool {
    unit.starts_with("health-check") || unit == "healthcheck.slice"
}

/// Whether a unit is an instance of our templates.
pub fn is_check(unit: &str) -> bool {
    unit.starts_with("health-check@") || unit.starts_with("health-check-local@")
}
