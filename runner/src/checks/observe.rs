//! Aggregates the checks of this boot: which there are, and what came of each, over D-Bus.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use health_checks::{Check, Found, Root, Stage, TARGET};

use super::classify::{Process, UnitFacts, classify};
use super::steady::Running;
use crate::model::facts::{CheckResult, Outcome, Severity};
use crate::model::units::is_check;
use crate::sys::bus::{Manager, Unit, unit_path};

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

/// What the health target pulls in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledIn(BTreeMap<String, Severity>);

/// Asks for what the health target requires and wants.
///
/// # Errors
/// From the bus.
pub fn pulled_in(manager: &Manager) -> Result<PulledIn> {
    let target = unit_path(TARGET);
    let lists: Vec<Vec<String>> =
        manager.properties(&[(&target, "Unit", "Wants"), (&target, "Unit", "Requires")])?;
    // Where one is both, the second counts.
    let severities = [Severity::Wanted, Severity::Required];
    let units = lists.into_iter().zip(severities);
    let each =
        units.flat_map(|(units, severity)| units.into_iter().map(move |unit| (unit, severity)));
    Ok(PulledIn(each.collect()))
}

/// All checks: what the health target pulls in, and every plugin, whether it has a unit or not, so that none is lost
/// on the way.
pub fn expected(pulled_in: PulledIn, found: &Found) -> Vec<Expected> {
    let mut severities: BTreeMap<String, Severity> = found
        .checks
        .iter()
        .map(|check| (check.unit.clone(), check.severity.into()))
        .collect();
    severities.extend(pulled_in.0);
    let source_of: BTreeMap<&str, &Check> = found
        .checks
        .iter()
        .map(|check| (check.unit.as_str(), check))
        .collect();
    let config = &found.config;
    let stable = config.checks.stable;
    severities
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
        .collect()
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
                Some(by) => format!("is masked: {by}"),
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

/// What came of each check. How long one ran that passed, and its exit status, is left to [`measure`]: that decides
/// nothing.
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
                never_started: facts.was_never_started(),
            })
        })
        .collect()
}

/// Looks again and again until all checks have a result: units that others brought into the health target may still
/// be starting, or not have been running for long enough. Calls `waiting` while it waits.
///
/// # Errors
/// From the bus.
pub fn until_decided(
    manager: &Manager,
    expected: &[Expected],
    checks: &mut Vec<Outcome>,
    waiting: &dyn Fn(&[Outcome]),
) -> Result<()> {
    let stable = expected.iter().map(|check| check.stable).max();
    let limit = PENDING_LIMIT + stable.unwrap_or_default();
    let started = Instant::now();
    let pending = |check: &Outcome| check.result == CheckResult::Pending;
    while checks.iter().any(pending) && started.elapsed() <= limit {
        waiting(checks);
        std::thread::sleep(PENDING_LOOK);
        *checks = outcomes(manager, expected)?;
    }
    Ok(())
}

/// Adds how long checks ran that passed, and their exit status.
///
/// # Errors
/// From the bus.
pub fn measure(manager: &Manager, checks: &mut [Outcome]) -> Result<()> {
    let mut passed: Vec<(String, &mut Outcome)> = checks
        .iter_mut()
        .filter(|check| {
            let unknown = check.duration_usec.is_none() && check.exit_status.is_none();
            unknown && check.result == CheckResult::Passed && is_check(&check.unit)
        })
        .map(|check| (unit_path(&check.unit), check))
        .collect();
    let wanted: Vec<(&str, &str, &str)> = passed
        .iter()
        .map(|(path, _)| (path.as_str(), "Service", "ExecStart"))
        .collect();
    let commands: Vec<Vec<ExecCommand>> = manager.properties(&wanted)?;
    for ((path, check), commands) in passed.iter_mut().zip(commands) {
        let process = match commands[..] {
            // One call tells all of it.
            [(_, _, _, _, started_usec, _, exited_usec, _, code, status)] => Process {
                code,
                status,
                started_usec,
                exited_usec,
            },
            _ => main_process(manager, path)?,
        };
        check.exit_status = process.exit_status();
        check.duration_usec = process.duration_usec();
    }
    Ok(())
}

/// Says why checks that were not started could not be: the results of trying it, unit by unit.
pub fn explain_never_started(checks: &mut [Outcome], units: &[String], results: Vec<String>) {
    for (unit, result) in units.iter().zip(results) {
        let never = |check: &&mut Outcome| check.unit == *unit && check.never_started;
        if let Some(check) = checks.iter_mut().find(never) {
            check.message = format!("could not be started: {result}");
        }
    }
}

/// Says of checks that failed because their files cannot be understood where that is, and what. What a plugin says that
/// is not to be trusted any more does not count.
pub fn explain_defects(checks: &mut [Outcome], found: &Found) {
    for outcome in checks {
        let check = found.checks.iter().find(|check| check.unit == outcome.unit);
        let Some((check, defect)) = check.and_then(|check| Some((check, check.defects.first()?)))
        else {
            continue;
        };
        if check.is_distrusted() && outcome.result == CheckResult::Passed {
            outcome.result = CheckResult::Failed;
        }
        if outcome.result.is_bad() {
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
    let passed = facts.active == "active" && is_check(&unit.name);
    if facts.load != "loaded" || passed {
        return Ok(facts);
    }
    if unit.name.ends_with(".service") {
        facts.process = Some(main_process(manager, &unit.path)?);
        if facts.active == "active" && facts.sub == "running" {
            let since =
                manager.property::<u64>(&unit.path, "Unit", "ActiveEnterTimestampMonotonic")?;
            facts.running = Some(Running {
                for_usec: crate::sys::boot::monotonic_usec().saturating_sub(since),
                stable_usec: u64::try_from(stable.as_micros()).unwrap_or(u64::MAX),
                restarts: manager.property(&unit.path, "Service", "NRestarts")?,
            });
        }
        if facts.active != "active" {
            facts.result = manager.property(&unit.path, "Service", "Result")?;
            facts.limit_usec = manager.property(&unit.path, "Service", "TimeoutStartUSec")?;
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

fn main_process(manager: &Manager, path: &str) -> Result<Process> {
    let number = |name: &str| manager.property::<i32>(path, "Service", name);
    let usec = |name: &str| manager.property::<u64>(path, "Service", name);
    Ok(Process {
        code: number("ExecMainCode")?,
        status: number("ExecMainStatus")?,
        started_usec: usec("ExecMainStartTimestampMonotonic")?,
        exited_usec: usec("ExecMainExitTimestampMonotonic")?,
    })
}

/// Units among the outcomes that were never started in this boot: their start job was dropped or failed.
pub fn never_started(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .filter(|outcome| outcome.result == CheckResult::Error && outcome.never_started)
        .map(|outcome| outcome.unit.clone())
        .collect()
}
