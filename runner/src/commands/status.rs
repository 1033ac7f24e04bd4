//! `health-checker status`: the verdict on this boot, its checks, the snapshots, the incident.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use health_checks::Root;
use health_checks::text::{printable, sentence};
use serde_json::{Value, json};

use crate::bootloader::View;
use crate::checks::observe;
use crate::commands::bootloader as show;
use crate::commands::check::table;
use crate::commands::published::published;
use crate::commands::table::Color;
use crate::deployment::{self, to_json_of_kind};
use crate::machine::Machine;
use crate::machine::trial::Shown;
use crate::model::deployment::{Deployment, Exists};
use crate::model::facts::{Action, Outcome, Verdict};
use crate::model::loader::Look;
use crate::model::report::Report;
use crate::model::text::time;
use crate::model::units::RUNNER;
use crate::state::incident::{Incident, Progress};
use crate::state::runtime;
use crate::sys::bus::Manager;
use crate::sys::systemctl::RunnerUnit;

/// What is known of this boot, finished or not.
struct Now {
    verdict: Verdict,
    action: Action,
    why: String,
    checks: Vec<Outcome>,
    warnings: Vec<String>,
}

/// Prints it. The exit status says whether it could be found out, not what the verdict is.
///
/// # Errors
/// When this boot cannot be told from others, or nobody reads the output.
pub fn status(root: &Root, as_json: bool) -> Result<ExitCode> {
    let machine = Machine::look(root)?;
    let mut now = now(&machine);
    let loader = show::look(&machine);
    now.warnings.extend(loader.warnings.iter().cloned());
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{:#}", to_json(&machine, &now, &loader))?;
    } else {
        print(&machine, &now, &loader, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn now(machine: &Machine) -> Now {
    let mut warnings = machine.warnings.clone();
    let report = runtime::read::<Report>(&machine.root, runtime::REPORT)
        .filter(|report| report.boot == machine.boot);
    if let Some(report) = report {
        let new = report
            .warnings
            .into_iter()
            .filter(|warning| !warnings.contains(warning))
            .collect::<Vec<_>>();
        warnings.extend(new);
        return Now {
            verdict: report.verdict,
            action: report.action,
            why: report.why,
            checks: report.checks,
            warnings,
        };
    }
    let found = observe::find(&machine.root);
    let live = Manager::connect().and_then(|manager| {
        let pending = is_judging(&manager)?;
        let expected = observe::expected(observe::pulled_in(&manager)?, &found);
        let mut checks = observe::outcomes(&manager, &expected)?;
        observe::measure(&manager, &mut checks)?;
        Ok((checks, pending))
    });
    let (checks, pending) = live.unwrap_or_else(|error| {
        warnings.push(format!("{error:#}"));
        (Vec::new(), false)
    });
    let (verdict, why) = if pending {
        (Verdict::Pending, "the boot has not been judged yet")
    } else if RunnerUnit::ask() == RunnerUnit::Skipped {
        (
            Verdict::Unknown,
            "this boot is not judged: a condition of health-checker.service is not met, see 'systemctl status health-checker'",
        )
    } else {
        (
            Verdict::Unknown,
            "this boot was not judged: see 'systemctl status health-checker'",
        )
    };
    Now {
        verdict,
        action: Action::None,
        why: why.to_owned(),
        checks,
        warnings,
    }
}

/// Whether the runner is at work in this boot, or is going to be.
///
/// # Errors
/// From the bus.
pub fn is_judging(manager: &Manager) -> Result<bool> {
    let units = manager.units_by_names(&[RUNNER.to_owned()])?;
    Ok(units
        .first()
        .is_some_and(|unit| unit.has_job || unit.active == "activating"))
}

fn to_json(machine: &Machine, now: &Now, loader: &View) -> Value {
    let snapshot = machine.booted().map(|booted| {
        let mut snapshot = to_json_of_kind(booted);
        snapshot["default"] = machine.is_default().into();
        snapshot["known_good"] = machine.state.is_known_good(booted).into();
        snapshot
    });
    let good = machine.state.known_good.iter();
    let good = good.map(|known| to_json_of_kind(&known.deployment));
    let bad = machine.state.bad.iter();
    let bad = bad.map(|bad| to_json_of_kind(&bad.deployment));
    json!({
        "version": 1,
        "verdict": now.verdict,
        "boot_id": machine.boot.boot_id,
        "deployment": machine.booted().map(deployment::to_json),
        "snapshot": snapshot,
        "known_good": good.collect::<Vec<_>>(),
        "boot_loader": show::to_json(loader),
        "trial": Shown::to_json(shown(machine, loader).as_ref()),
        "bad": bad.collect::<Vec<_>>(),
        "checks": now.checks,
        "action": now.action,
        "why": now.why,
        "warnings": now.warnings,
        "incident": published(&machine.state.incident),
    })
}

fn shown(machine: &Machine, loader: &View) -> Option<Shown> {
    Shown::look(machine, &Look::from(loader))
}

fn print(machine: &Machine, now: &Now, loader: &View, out: &mut impl Write) -> io::Result<()> {
    let action = match now.action {
        Action::None => String::new(),
        action => format!(" ({})", action.as_str()),
    };
    writeln!(
        out,
        "  Verdict: {}{action} - {}",
        Color::of_verdict(now.verdict).paint(now.verdict.as_str()),
        sentence(&now.why)
    )?;
    match machine.booted() {
        Some(booted) => writeln!(out, "{:>9}: {}", kind_of(booted), describe(machine, booted))?,
        None => writeln!(
            out,
            " Snapshot: none (this system was not booted from a snapshot)"
        )?,
    }
    print_deployments(machine, out)?;
    if let Some(summary) = show::summary(loader) {
        writeln!(out, "   Loader: {}", sentence(&summary))?;
    }
    if let Some(trial) = shown(machine, loader) {
        writeln!(out, "    Trial: {}", sentence(&trial.text()))?;
    }
    for warning in &now.warnings {
        writeln!(
            out,
            "  {} {}",
            Color::Yellow.paint("Warning:"),
            sentence(warning)
        )?;
    }
    writeln!(out)?;
    let checks = table(&now.checks);
    if checks.is_empty() {
        writeln!(out, "No checks: see 'health-checker list'")?
    } else {
        checks.print(out)?
    }
    if let Some(incident) = &machine.state.incident {
        writeln!(out)?;
        print_incident(incident, out)?;
        if !incident.is_open() {
            writeln!(out, "  Acknowledge it with 'health-checker reset'")?;
        }
    }
    Ok(())
}

fn print_deployments(machine: &Machine, out: &mut impl Write) -> io::Result<()> {
    let good = machine.state.known_good.iter().map(|known| {
        let name = known.deployment.name();
        match machine.exists(&known.deployment) {
            Exists::Yes | Exists::Unknown => name.to_owned(),
            Exists::No => format!("{name} (deleted)"),
        }
    });
    let good: Vec<String> = good.collect();
    writeln!(
        out,
        "Last good: {}",
        if good.is_empty() {
            "none yet".to_owned()
        } else {
            good.join(", ")
        }
    )?;
    let bad = machine.state.bad.iter();
    for bad in bad.filter(|bad| machine.exists(&bad.deployment) != Exists::No) {
        writeln!(
            out,
            "      Bad: {} ({})",
            bad.deployment.name(),
            sentence(&bad.reason)
        )?;
    }
    Ok(())
}

/// The kind of a label: `Snapshot`.
fn kind_of(deployment: &Deployment) -> String {
    let kind = deployment.label.split(' ').next().unwrap_or_default();
    let mut letters = kind.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn describe(machine: &Machine, booted: &Deployment) -> String {
    let default = if machine.is_default() {
        "the default"
    } else {
        "not the default"
    };
    let good = if machine.state.is_known_good(booted) {
        "known good"
    } else {
        "not known to be good"
    };
    format!("{} ({default}, {good})", booted.name())
}

/// An incident in full: what failed, what it said, what was done.
///
/// # Errors
/// When nobody reads the output.
pub fn print_incident(incident: &Incident, out: &mut impl Write) -> io::Result<()> {
    let end = match &incident.ended {
        None => Color::Red.paint("open"),
        Some(end) => match &end.deployment {
            Some(deployment) => format!("ended by a healthy boot of {deployment}"),
            None => "ended by a healthy boot".to_owned(),
        },
    };
    writeln!(out, "Incident of {}: {end}", time(incident.at))?;
    for check in &incident.failed {
        let at = check
            .deployment
            .as_ref()
            .map(|deployment| format!(" in {deployment}"))
            .unwrap_or_default();
        writeln!(
            out,
            "  {} {}{at}: {}",
            printable(&check.name),
            check.result.as_str(),
            sentence(&check.message)
        )?;
        for line in &check.log {
            writeln!(out, "    | {}", printable(line))?;
        }
    }
    for step in &incident.steps {
        let target = step
            .target
            .as_ref()
            .map(|target| format!(" to {target}"))
            .unwrap_or_default();
        let progress = match step.progress {
            Progress::Intended => "begun",
            Progress::Done => "done",
            Progress::Failed => "failed",
        };
        writeln!(
            out,
            "  Action: {}{target}: {progress}",
            step.action.as_str()
        )?;
        for detail in &step.details {
            writeln!(out, "    {}", sentence(detail))?;
        }
    }
    Ok(())
}
