//! Aggregates the checks of this boot: which there are, and what came of each, over D-Bus.

pub mod classify;
pub mod findings;
mod steady;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use health_checks::{Check, Found, Root, Stage, TARGET};

use crate::facts::{CheckResult, Outcome, Severity};
use crate::judge::is_ours;
use crate::systemd1::{Manager, Unit};
use classify::{Process, UnitFacts, classify};
use steady::Running;

/// DefaultTimeoutStartSec= of systemd: what is still starting then will not come.
const PENDING_LIMIT: Duration = Duration::from_secs(90);
const PENDING_LOOK: Duration = Duration::from_secs(1);

/// An element of ExecStart=: path, arguments, whether failure is ignored, start and exit by both clocks (wall clock
/// first), process, code, status.
type ExecCommand = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// A check that this boot should have a result of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// systemd unit.
    pub unit: String,
    /// Readable name.
    pub name: String,
    /// The file it is made from.
    pub source: Option<String>,
    /// How much it counts.
    pub severity: Severity,
    /// Why it is not run, whatever its unit is: masked by its own file, or disabled in the configuration.
    pub switched_off: Option<String>,
    /// How long a service must have been running to pass.
    pub stable: Duration,
}

/// All checks: what the health target requires and wants, and every plugin, whether it has a unit or not, so that
/// none is lost on the way.
///
/// # Errors
/// From the bus.
pub fn expected(manager: &Manager, found: &Found) -> Result<Vec<Expected>> {
    let mut severities: BTreeMap<String, Severity> = found
        .checks
        .iter()
        .map(|check| (check.unit.clone(), check.severity.into()))
        .collect();
    if let Some(target) = manager.units_by_names(&[TARGET.to_owned()])?.first() {
        let requires: Vec<String> = manager.property(&target.path, "Unit", "Requires")?;
        let wants: Vec<String> = manager.property(&target.path, "Unit", "Wants")?;
        severities.extend(wants.into_iter().map(|unit| (unit, Severity::Wanted)));
        severities.extend(requires.into_iter().map(|unit| (unit, Severity::Required)));
    }
    let source_of: BTreeMap<&str, &Check> = found
        .checks
        .iter()
        .map(|check| (check.unit.as_str(), check))
        .collect();
    let config = &found.config;
    let stable = config.checks.stable;
    Ok(severities
        .into_iter()
        .map(|(unit, severity)| match source_of.get(unit.as_str()) {
            Some(check) => Expected {
                severity,
                stable,
                ..Expected::from(*check)
            },
            None => Expected {
                name: unit.clone(),
                source: None,
                severity,
                switched_off: config
                    .disabled(&unit, &unit)
                    .map(|place| format!("disabled in {place}")),
                stable,
                unit,
            },
        })
        .collect())
}

impl From<&Check> for Expected {
    fn from(check: &Check) -> Self {
        Self {
            unit: check.unit.clone(),
            name: check.name.clone(),
            source: Some(check.source.to_string_lossy().into_owned()),
            severity: check.severity.into(),
            switched_off: check.masked.then(|| match &check.masked_by {
                Some(how) if check.disabled => how.clone(),
                Some(by) => format!("is masked by {by}"),
                None => "is masked".to_owned(),
            }),
            stable: Duration::ZERO,
        }
    }
}

/// The plugins there are now.
pub fn find(root: &Root) -> Found {
    health_checks::find(root, Stage::Late)
}

/// What came of each check.
///
/// # Errors
/// From the bus.
pub fn outcomes(manager: &Manager, expected: &[Expected]) -> Result<Vec<Outcome>> {
    let names: Vec<String> = expected.iter().map(|check| check.unit.clone()).collect();
    let mut units: BTreeMap<String, Unit> = manager
        .units_by_names(&names)?
        .into_iter()
        .map(|unit| (unit.name.clone(), unit))
        .collect();
    expected
        .iter()
        .map(|check| {
            let facts = match units.remove(&check.unit) {
                _ if check.switched_off.is_some() => UnitFacts::masked(),
                Some(unit) => facts(manager, unit, check.stable)?,
                None => UnitFacts::not_found(),
            };
            let (result, message) = classify(&facts);
            let message = check.switched_off.clone().unwrap_or(message);
            Ok(Outcome {
                name: check.name.clone(),
                unit: check.unit.clone(),
                source: check.source.clone(),
                severity: check.severity,
                result,
                exit_status: facts.process.and_then(|process| process.exit_status()),
                duration_usec: facts.process.and_then(|process| process.duration_usec()),
                message,
                tries: 1,
            })
        })
        .collect()
}

/// What came of each check, once all have a result: units that others brought into the health target may still be
/// starting, or not have been running for long enough. Calls `waiting` while it waits.
///
/// # Errors
/// From the bus.
pub fn awaited(
    manager: &Manager,
    expected: &[Expected],
    waiting: &dyn Fn(&[Outcome]),
) -> Result<Vec<Outcome>> {
    let stable = expected.iter().map(|check| check.stable).max();
    let limit = PENDING_LIMIT + stable.unwrap_or_default();
    let started = Instant::now();
    loop {
        let checks = outcomes(manager, expected)?;
        let pending = |check: &Outcome| check.result == CheckResult::Pending;
        if !checks.iter().any(pending) || started.elapsed() > limit {
            return Ok(checks);
        }
        waiting(&checks);
        std::thread::sleep(PENDING_LOOK);
    }
}

/// Says why checks that were not started could not be: the results of trying it, unit by unit.
pub fn explain_never_started(checks: &mut [Outcome], units: &[String], results: Vec<String>) {
    for (unit, result) in units.iter().zip(results) {
        let never =
            |check: &&mut Outcome| check.unit == *unit && check.message == classify::NEVER_STARTED;
        if let Some(check) = checks.iter_mut().find(never) {
            check.message = format!("could not be started: {result}");
        }
    }
}

/// Says of checks that failed because their files cannot be understood where that is, and what.
pub fn explain_defects(checks: &mut [Outcome], found: &Found) {
    for outcome in checks.iter_mut().filter(|check| check.result.is_bad()) {
        let check = found.checks.iter().find(|check| check.unit == outcome.unit);
        if let Some(defect) = check.and_then(|check| check.defects.first()) {
            outcome.message = defect.to_string();
        }
    }
}

/// Reads no more than what the state of the unit makes necessary: each property is a call.
fn facts(manager: &Manager, unit: Unit, stable: Duration) -> Result<UnitFacts> {
    let mut facts = UnitFacts {
        load: unit.load,
        active: unit.active,
        sub: unit.sub,
        has_job: unit.has_job,
        ..UnitFacts::not_found()
    };
    if facts.load != "loaded" {
        return Ok(facts);
    }
    if facts.active == "active" && is_ours(&unit.name) {
        facts.process = passed(manager, &unit.path)?;
    }
    if unit.name.ends_with(".service") && facts.process.is_none() {
        let number = |name: &str| manager.property::<i32>(&unit.path, "Service", name);
        let usec = |name: &str| manager.property::<u64>(&unit.path, "Service", name);
        facts.process = Some(Process {
            code: number("ExecMainCode")?,
            status: number("ExecMainStatus")?,
            started_usec: usec("ExecMainStartTimestampMonotonic")?,
            exited_usec: usec("ExecMainExitTimestampMonotonic")?,
        });
        if facts.active == "active" && facts.sub == "running" {
            let since =
                manager.property::<u64>(&unit.path, "Unit", "ActiveEnterTimestampMonotonic")?;
            facts.running = Some(Running {
                for_usec: crate::boot::monotonic_usec().saturating_sub(since),
                stable_usec: u64::try_from(stable.as_micros()).unwrap_or(u64::MAX),
                restarts: manager.property(&unit.path, "Service", "NRestarts")?,
            });
        }
        if facts.active != "active" {
            facts.result = manager.property(&unit.path, "Service", "Result")?;
            facts.limit_usec = usec("TimeoutStartUSec")?;
        }
    }
    if facts.active == "inactive" {
        facts.tried =
            manager.property::<u64>(&unit.path, "Unit", "ConditionTimestampMonotonic")? > 0;
        facts.condition = manager.property(&unit.path, "Unit", "ConditionResult")?;
        if facts.tried && !facts.condition {
            facts.unmet = unmet_condition(manager, &unit.path)?;
        }
        facts.assertion = manager.property(&unit.path, "Unit", "AssertResult")?;
        // A unit that was active and ended has left the active state at some time.
        facts.was_active =
            manager.property::<u64>(&unit.path, "Unit", "ActiveExitTimestampMonotonic")? > 0
                || manager.property::<u64>(&unit.path, "Unit", "InactiveExitTimestampMonotonic")?
                    > 0;
    }
    Ok(facts)
}

/// The condition that kept a unit from being started, as it is written in the unit file.
fn unmet_condition(manager: &Manager, path: &str) -> Result<Option<String>> {
    // Type, whether one of several is enough, whether it is negated, parameter, result: negative is not met.
    type Condition = (String, bool, bool, String, i32);
    let conditions: Vec<Condition> = manager.property(path, "Unit", "Conditions")?;
    let unmet = conditions.into_iter().find(|condition| condition.4 < 0);
    Ok(unmet.map(|(kind, any, not, parameter, _)| {
        let any = if any { "|" } else { "" };
        let not = if not { "!" } else { "" };
        format!("{kind}={any}{not}{parameter}")
    }))
}

/// The process of a check that passed, which most do, by one call instead of four. `None` where it has another number of commands than one.
fn passed(manager: &Manager, path: &str) -> Result<Option<Process>> {
    let commands: Vec<ExecCommand> = manager.property(path, "Service", "ExecStart")?;
    let [(_, _, _, _, started_usec, _, exited_usec, _, code, status)] = commands[..] else {
        return Ok(None);
    };
    Ok(Some(Process {
        code,
        status,
        started_usec,
        exited_usec,
    }))
}

/// Units among the outcomes that were never started in this boot: their start job was dropped or failed.
pub fn never_started(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .filter(|outcome| {
            outcome.result == CheckResult::Error && outcome.message == classify::NEVER_STARTED
        })
        .map(|outcome| outcome.unit.clone())
        .collect()
}
