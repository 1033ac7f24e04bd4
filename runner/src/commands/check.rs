//! `health-checker` and `health-checker check NAME…`: runs checks now, without any consequences.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use health_checks::text::{printable, sentence};
use health_checks::{Found, Kind, Root};

use crate::checks::late;
use crate::checks::observe::{self, Expected};
use crate::commands::follow::Follower;
use crate::commands::suggest::nearest;
use crate::commands::table::{Color, Table};
use crate::model::facts::{Outcome, Severity, Verdict};
use crate::model::text::{duration, failed_names};
use crate::model::units::is_check;
use crate::sys::bus::{Manager, Verb};

const LIMIT: Duration = Duration::from_secs(900);

/// Runs all checks and says "Health check passed" or what failed; exit status 0 or 1.
///
/// # Errors
/// When they cannot be run.
pub fn all(root: &Root) -> Result<ExitCode> {
    let Prepared {
        manager, expected, ..
    } = prepare(root)?;
    if expected.is_empty() {
        println!(
            "No checks: put one into '{}', see 'health-checker list'",
            health_checks::Origin::Local.directory()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = run(&manager, &expected)?;
    let mut out = io::stdout().lock();
    table(&outcomes).print(&mut out)?;
    let failed = failed_names(&outcomes).join(", ");
    let failed = printable(&failed);
    let passed = outcomes
        .iter()
        .filter(|outcome| !outcome.result.is_bad())
        .count();
    match Verdict::of(&outcomes) {
        Verdict::Healthy => writeln!(out, "{}", Color::Green.paint("Health check passed"))?,
        Verdict::Degraded => writeln!(
            out,
            "{} (not required, but failed: {failed})",
            Color::Yellow.paint("Health check passed")
        )?,
        Verdict::Unhealthy | Verdict::Pending | Verdict::Unknown => {
            writeln!(
                out,
                "{}: {failed} ({passed} of {} passed)",
                Color::Red.paint("Health check failed"),
                outcomes.len()
            )?;
            writeln!(
                out,
                "What they say: 'health-checker check NAME' or 'journalctl -u UNIT'; what would be done in a boot: see 'health-checker status'"
            )?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the named checks and shows what they print while they do it; exit status 1 if one of them failed.
///
/// # Errors
/// When a name is wrong (the right one is suggested), or they cannot be run.
pub fn named(root: &Root, names: &[String]) -> Result<ExitCode> {
    let Prepared {
        manager,
        expected,
        found,
    } = prepare(root)?;
    let mut chosen: Vec<Expected> = Vec::new();
    for name in names {
        let matching: Vec<&Expected> = expected
            .iter()
            .filter(|check| is_called(check, name))
            .collect();
        if matching.is_empty() {
            bail!("{}", unknown(name, &expected));
        }
        for check in matching {
            if !chosen.contains(check) {
                chosen.push(check.clone());
            }
        }
    }
    warn_of_old(&manager, &chosen, &found)?;
    let units = chosen
        .iter()
        .map(|check| (check.unit.clone(), check.name.clone()));
    let follower = Follower::start(units.collect())?;
    let outcomes = run(&manager, &chosen);
    follower.finish();
    let outcomes = outcomes?;
    let mut out = io::stdout().lock();
    for outcome in &outcomes {
        let result = Color::of_result(outcome.result).paint(outcome.result.as_str());
        let time = outcome.duration_usec.map(duration).unwrap_or_default();
        let time = match time.as_str() {
            "" => String::new(),
            time => format!(" in {time}"),
        };
        let message = match outcome.message.as_str() {
            "" => String::new(),
            message => format!(": {}", sentence(message)),
        };
        writeln!(out, "{} {result}{time}{message}", printable(&outcome.name))?;
    }
    let all_good = !outcomes.iter().any(|outcome| outcome.result.is_bad());
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// systemd runs what it read, not what is in the files now. (Of a plugin the file itself is run.)
fn warn_of_old(manager: &Manager, chosen: &[Expected], found: &Found) -> Result<()> {
    let of_file = |check: &&Expected| {
        let found = found.checks.iter().find(|known| known.unit == check.unit);
        found.is_some_and(|known| known.kind == Kind::File || known.sources.len() > 1)
    };
    let units: Vec<String> = chosen
        .iter()
        .filter(of_file)
        .map(|check| check.unit.clone())
        .collect();
    for unit in manager.units_by_names(&units)? {
        if manager.property(&unit.path, "Unit", "NeedDaemonReload")? {
            log::warn!(
                "'{}' runs as it was before its files changed; to run it as they are now: \
                 'systemctl daemon-reload'",
                unit.name
            );
        }
    }
    Ok(())
}

/// A table of outcomes, as `status` shows it too.
pub fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&["CHECK", "RESULT", "TIME", "DETAILS"]);
    for outcome in outcomes {
        let wanted = match outcome.severity {
            Severity::Required => "",
            Severity::Wanted if outcome.message.is_empty() => "wanted only",
            Severity::Wanted => "wanted only; ",
        };
        table.row(vec![
            (outcome.name.clone(), Color::Plain),
            (
                outcome.result.as_str().to_owned(),
                Color::of_result(outcome.result),
            ),
            (
                outcome.duration_usec.map(duration).unwrap_or_default(),
                Color::Plain,
            ),
            (
                format!("{wanted}{}{}", outcome.message, tries(outcome)),
                Color::Plain,
            ),
        ]);
    }
    table
}

fn tries(outcome: &Outcome) -> String {
    match outcome.tries {
        0 | 1 => String::new(),
        tries => format!(" (after {tries} tries)"),
    }
}

/// What is needed to run checks.
struct Prepared {
    manager: Manager,
    expected: Vec<Expected>,
    found: Found,
}

fn prepare(root: &Root) -> Result<Prepared> {
    let manager = Manager::connect()?;
    let found = observe::find(root);
    for warning in &found.warnings {
        log::warn!("{warning}");
    }
    if late::refresh(root, &found) {
        manager.reload()?;
    }
    late::place(root, &manager, &found)?;
    let expected = observe::expected(observe::pulled_in(&manager)?, &found);
    Ok(Prepared {
        manager,
        expected,
        found,
    })
}

/// Runs those that are units of ours; what others brought into the health target is looked at, never restarted.
fn run(manager: &Manager, expected: &[Expected]) -> Result<Vec<Outcome>> {
    // Masked units are refused by systemd, and stay what they are.
    let units: Vec<String> = expected
        .iter()
        .filter(|check| is_check(&check.unit) && check.switched_off.is_none())
        .map(|check| check.unit.clone())
        .collect();
    let results = manager
        .run(Verb::RunAgain, &units, LIMIT, &|| {})
        .context("the checks cannot be run")?;
    let mut outcomes = observe::outcomes(manager, expected)?;
    observe::until_decided(manager, expected, &mut outcomes, &|_| {})?;
    observe::measure(manager, &mut outcomes)?;
    observe::explain_never_started(&mut outcomes, &units, results);
    Ok(outcomes)
}

fn is_called(check: &Expected, name: &str) -> bool {
    check.name == name
        || check.unit == name
        || check.source.as_deref() == Some(name)
        || check.unit.strip_suffix(".service") == Some(name)
}

fn unknown(name: &str, expected: &[Expected]) -> String {
    let near = nearest(name, expected.iter().map(|check| check.name.as_str()));
    match near {
        Some(near) => format!(
            "there is no check '{}'; did you mean '{}'?",
            printable(name),
            printable(near)
        ),
        None => format!(
            "there is no check '{}'; 'health-checker list' shows all",
            printable(name)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> Expected {
        Expected {
            unit: format!("health-check@{name}.service"),
            name: name.to_owned(),
            source: Some(format!("/usr/libexec/health-checker/{name}")),
            severity: Severity::Required,
            switched_off: None,
            stable: Duration::ZERO,
        }
    }

    #[test]
    fn a_check_goes_by_its_name_its_unit_and_its_file() {
        for name in [
            "sshd.sh",
            "health-check@sshd.sh.service",
            "health-check@sshd.sh",
            "/usr/libexec/health-checker/sshd.sh",
        ] {
            assert!(is_called(&check("sshd.sh"), name), "{name}");
        }
        assert!(!is_called(&check("sshd.sh"), "sshd"));
    }

    #[test]
    fn a_wrong_name_suggests_the_right_one() {
        let checks = [check("sshd.sh"), check("etc-overlay.sh")];
        assert!(unknown("shsd.sh", &checks).ends_with("did you mean 'sshd.sh'?"));
        assert!(unknown("zzz", &checks).contains("'health-checker list'"));
    }
}
