//! The verdict on this boot: all checks, all findings, over D-Bus.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use health_checks::{Found, Root};

use crate::checks::findings;
use crate::checks::observe::{self, PulledIn, never_started};
use crate::checks::retry;
use crate::machine::Machine;
use crate::model::facts::{BootKey, CheckResult, Outcome};
use crate::model::run_files::Settled;
use crate::model::units::SETTLE;
use crate::model::units::{FINISHED, is_check};
use crate::policy::Standing;
use crate::state::runtime;
use crate::sys::bus::{Manager, Verb, through_restarts};
use crate::sys::{boot, lease};

/// Far more than all checks together may take: each has a limit in its own unit, and systemd ends it.
const WAIT_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// Without any change of the job queue we look this often.
const LOOK: Duration = Duration::from_secs(5);
/// For one round of checks. A check has 90 s unless its unit says otherwise, and its own unit's limit ends it.
const ROUND_LIMIT: Duration = Duration::from_secs(900);

/// Waits until the boot has settled and all checks are finished, passed or not. We are started with the boot and not
/// after the checks, so that we are ready when they are. Gives the boot, and a connection that works: D-Bus may be
/// restarted meanwhile.
///
/// # Errors
/// When there is no bus.
pub fn wait(root: &Root) -> Result<(Manager, BootKey)> {
    let deadline = Instant::now() + WAIT_LIMIT;
    through_restarts(root, deadline, &mut |manager| {
        let boot = boot::key_by(root, manager)?;
        finished(manager, deadline).context("the checks cannot be waited for")?;
        Ok(boot)
    })
}

/// Waits for the target, or, where it cannot be started or is cancelled, for the jobs that it is ordered after.
fn finished(manager: &Manager, deadline: Instant) -> Result<()> {
    let finished = [FINISHED.to_owned()];
    let results = manager.run(Verb::Start, &finished, WAIT_LIMIT, &lease::renew)?;
    if results == ["done"] {
        return Ok(());
    }
    log::warn!("'{FINISHED}' was not reached: {}", results.join(", "));
    manager.watch_jobs(LOOK, &mut |jobs| {
        lease::renew();
        let waiting = jobs
            .iter()
            .any(|job| job.unit == SETTLE || is_check(&job.unit));
        Ok((!waiting || Instant::now() >= deadline).then_some(()))
    })
}

/// One look at all checks.
///
/// # Errors
/// From the bus.
pub fn judge(
    machine: &Machine,
    manager: &Manager,
    found: &Found,
    pulled_in: PulledIn,
) -> Result<Vec<Outcome>> {
    let expected = observe::expected(pulled_in, found);
    let mut checks = observe::outcomes(manager, &expected)?;
    let missing = never_started(&checks);
    let mut results = Vec::new();
    if !missing.is_empty() {
        // A required unit that does not exist takes the start job of the whole target with it; a plugin may have
        // come a moment too late. One by one they run, or systemd says what is wrong with just this one.
        lease::status(&format!(
            "Starting {} checks that were not started",
            missing.len()
        ));
        results = manager.run(Verb::Start, &missing, ROUND_LIMIT, &lease::renew)?;
        checks = observe::outcomes(manager, &expected)?;
    }
    observe::until_decided(manager, &expected, &mut checks, &|checks| {
        lease::status(&format!(
            "Waiting for {}",
            names(checks, CheckResult::Pending)
        ));
    })?;
    observe::explain_never_started(&mut checks, &missing, results);
    observe::explain_defects(&mut checks, found);
    retry::until_passed(manager, found, &expected, &mut checks)?;
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
        .filter(|check| check.result.is_bad() && is_check(&check.unit))
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
