//! Checks with `Retries=`: started again before they count as failed, each after its own `RetrySec=`, all at the same
//! time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use health_checks::{Found, Settings};

use crate::checks::observe::{self, Expected};
use crate::model::facts::Outcome;
use crate::sys::bus::{Manager, Verb};
use crate::sys::lease;

/// For one round; each check has a limit of its own, and systemd ends it.
const ROUND_LIMIT: Duration = Duration::from_secs(900);
/// How often waiting is interrupted, to renew the lease.
const TICK: Duration = Duration::from_secs(5);

/// A check that may be tried again.
#[derive(Debug)]
struct Pending<'s> {
    settings: &'s Settings,
    /// How often it was run.
    tries: u32,
    /// When it may be run again.
    due: Instant,
}

/// Runs failed checks again until they pass or their tries are used up. Each try is logged under the check's unit.
///
/// # Errors
/// From the bus.
pub fn until_passed(
    manager: &Manager,
    found: &Found,
    expected: &[Expected],
    checks: &mut [Outcome],
) -> Result<()> {
    let mut pending = pending(found, checks);
    while let Some(due) = pending.values().map(|check| check.due).min() {
        wait_until(due);
        let now = Instant::now();
        let units: Vec<String> = pending
            .iter()
            .filter(|(_, check)| check.due <= now)
            .map(|(unit, _)| unit.clone())
            .collect();
        lease::status(&format!("Trying {} again", units.join(", ")));
        manager.run(Verb::RunAgain, &units, ROUND_LIMIT, &lease::renew)?;
        let retried: Vec<Expected> = expected
            .iter()
            .filter(|check| units.contains(&check.unit))
            .cloned()
            .collect();
        for mut outcome in observe::outcomes(manager, &retried)? {
            let Some(check) = pending.get_mut(&outcome.unit) else {
                continue;
            };
            check.tries += 1;
            check.due = Instant::now() + check.settings.retry;
            outcome.tries = check.tries;
            tell(&outcome, check.settings);
            if !outcome.result.is_bad() || check.tries > check.settings.retries {
                pending.remove(&outcome.unit);
            }
            if let Some(old) = checks.iter_mut().find(|check| check.unit == outcome.unit) {
                *old = outcome;
            }
        }
    }
    Ok(())
}

fn pending<'f>(found: &'f Found, checks: &[Outcome]) -> BTreeMap<String, Pending<'f>> {
    let now = Instant::now();
    let failed = |unit: &str| {
        checks
            .iter()
            .find(|check| check.unit == unit && check.result.is_bad())
    };
    found
        .checks
        .iter()
        .filter(|check| check.settings.retries > 0 && check.defects.is_empty())
        .filter_map(|check| {
            tell(failed(&check.unit)?, &check.settings);
            let pending = Pending {
                settings: &check.settings,
                tries: 1,
                due: now + check.settings.retry,
            };
            Some((check.unit.clone(), pending))
        })
        .collect()
}

fn tell(outcome: &Outcome, settings: &Settings) {
    let message = match outcome.message.as_str() {
        "" => outcome.result.as_str(),
        message => message,
    };
    log::info!(
        HEALTH_CHECK = outcome.name.as_str(),
        HEALTH_RESULT = outcome.result.as_str(),
        OBJECT_SYSTEMD_UNIT = outcome.unit.as_str();
        "{}: try {} of {}: {message}", outcome.name, outcome.tries, settings.retries + 1
    );
}

fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        lease::renew();
        std::thread::sleep(left.min(TICK));
    }
}
