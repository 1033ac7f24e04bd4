//! The verdict on this boot: all checks, all findings, over D-Bus.

use std::time::{Duration, Instant};

use anyhow::Result;
use health_checks::Found;

use crate::facts::{CheckResult, Outcome};
use crate::lease;
use crate::machine::Machine;
use crate::observe::{self, findings, never_started};
use crate::policy::Standing;
use crate::runtime;
use crate::settle::Settled;
use crate::systemd1::{Manager, Verb};

/// Ordered after all checks, requiring none: its start job waits exactly as long as one of them is queued or runs.
const FINISHED: &str = "health-check-finished.target";
/// Far more than all checks together may take: each has a limit in its own unit, and systemd ends it.
const WAIT_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// A bus that was restarted needs a moment.
const RETRY: Duration = Duration::from_secs(1);
/// For one round of checks. A check has 90 s unless its unit says otherwise, and its own unit's limit ends it.
const ROUND_LIMIT: Duration = Duration::from_secs(900);

/// Waits until all checks of this boot are finished, passed or not. We are started together with them and not after
/// them, so that we are ready when they are. Gives a connection that works: D-Bus may be restarted meanwhile.
///
/// # Errors
/// When there is no bus.
pub fn wait() -> Result<Manager> {
    let finished = [FINISHED.to_owned()];
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        let manager = Manager::connect()?;
        match manager.run(Verb::Start, &finished, WAIT_LIMIT, &lease::renew) {
            Ok(results) => {
                if results != ["done"] {
                    log::warn!("'{FINISHED}' was not reached: {}", results.join(", "));
                }
                return Ok(manager);
            }
            Err(error) if Instant::now() < deadline => {
                log::warn!("waiting for the checks again: {error:#}");
                std::thread::sleep(RETRY);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One look at all checks.
///
/// # Errors
/// From the bus.
pub fn judge(machine: &Machine, manager: &Manager, found: &Found) -> Result<Vec<Outcome>> {
    let expected = observe::expected(manager, found)?;
    let missing = never_started(&observe::outcomes(manager, &expected)?);
    let mut results = Vec::new();
    if !missing.is_empty() {
        // A required unit that does not exist takes the start job of the whole target with it; a plugin may have
        // come a moment too late. One by one they run, or systemd says what is wrong with just this one.
        lease::status(&format!(
            "Starting {} checks that were not started",
            missing.len()
        ));
        results = manager.run(Verb::Start, &missing, ROUND_LIMIT, &lease::renew)?;
    }
    let mut checks = observe::awaited(manager, &expected, &|checks| {
        lease::status(&format!(
            "Waiting for {}",
            names(checks, CheckResult::Pending)
        ));
    })?;
    observe::explain_never_started(&mut checks, &missing, results);
    checks.extend(beside_checks(machine, manager, found)?);
    Ok(checks)
}

/// Runs failed checks again: those that are units of ours. What others brought in is only looked at again.
///
/// # Errors
/// From the bus.
pub fn run_again(manager: &Manager, checks: &[Outcome]) -> Result<()> {
    let failed: Vec<String> = checks
        .iter()
        .filter(|check| check.result.is_bad() && is_ours(&check.unit))
        .map(|check| check.unit.clone())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    lease::status(&format!("Running {} failed checks again", failed.len()));
    manager.run(Verb::RunAgain, &failed, ROUND_LIMIT, &lease::renew)?;
    Ok(())
}

/// After a round that made good what had failed, the health target is started again, so that it tells the truth.
pub fn reach_target(manager: &Manager) {
    if let Err(error) = manager.run(
        Verb::Start,
        &[health_checks::TARGET.to_owned()],
        ROUND_LIMIT,
        &lease::renew,
    ) {
        log::warn!(
            "'{}' cannot be started again: {error:#}",
            health_checks::TARGET
        );
    }
}

/// Whether a unit is an instance of our templates.
pub fn is_ours(unit: &str) -> bool {
    unit.starts_with("health-check@") || unit.starts_with("health-check-local@")
}

fn beside_checks(machine: &Machine, manager: &Manager, found: &Found) -> Result<Vec<Outcome>> {
    let mut all = Vec::new();
    all.extend(findings::boot_mode(manager)?);
    let settled = runtime::read::<Settled>(&machine.root, runtime::SETTLED)
        .filter(|settled| settled.boot == machine.boot);
    all.extend(findings::settled(
        settled.as_ref(),
        &machine.state,
        machine.standing() == Standing::KnownGood,
    ));
    all.extend(findings::vanished(
        &machine.state.checks,
        found,
        &machine.mounts,
    ));
    all.extend(findings::unreadable(found));
    Ok(all)
}

fn names(checks: &[Outcome], result: CheckResult) -> String {
    let names: Vec<&str> = checks
        .iter()
        .filter(|check| check.result == result)
        .map(|check| check.name.as_str())
        .collect();
    names.join(", ")
}
