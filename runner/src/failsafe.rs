//! `health-checker failsafe`: the runner ended without finishing its work (crashed, killed, hung, no D-Bus). The same
//! policy, with what is known, by ways that need no D-Bus. Started by OnFailure= of health-checker.service.

use std::time::Duration;

use anyhow::Result;
use health_checks::{Mode, Root};

use crate::act;
use crate::command;
use crate::course::{Course, Finding, Next};
use crate::facts::{Action, BootKey, Outcome, Severity, Verdict};
use crate::lease;
use crate::machine::Machine;
use crate::messages;
use crate::observe;
use crate::observe::findings::{BROKEN_MODES, fell_into};
use crate::report::Report;
use crate::runtime;

/// See the module.
///
/// # Errors
/// When the machine should be rebooted and cannot.
pub fn failsafe(root: &Root) -> Result<()> {
    if health_checks::command_line(root) == Mode::Off {
        return Ok(());
    }
    let mut machine = Machine::look(root)?;
    if runtime::read::<BootKey>(root, runtime::REBOOT).is_some_and(|boot| boot == machine.boot) {
        // It was to be asked for, and we would not run if it had been queued: shutdown.target keeps us away. Once more
        // is the same reboot.
        return act::reboot::reboot(root, &machine.boot, None);
    }
    let report =
        runtime::read::<Report>(root, runtime::REPORT).filter(|report| report.boot == machine.boot);
    if report
        .as_ref()
        .is_some_and(|report| is_finished(report, &machine))
    {
        log::info!("the runner gave its verdict and did what was to be done");
        return Ok(());
    }
    log::error!(MESSAGE_ID = messages::NO_VERDICT; "health-checker.service ended without finishing its work: see 'systemctl status health-checker'");
    // What it was in the middle of belongs to this boot's first judging, so nothing is held back because of that.
    runtime::remove(root, runtime::REPORT);
    let restraint = machine.restraint();
    let found = observe::find(root);
    let begun = machine
        .state
        .open_incident()
        .and_then(|incident| incident.unfinished(&machine.boot))
        .map(|step| step.action);
    let begun = begun
        .or(report.as_ref().map(|report| report.action))
        .unwrap_or(Action::None);
    let finding = finding(report);
    let mut course = Course {
        machine: &mut machine,
        manager: None,
        found: &found,
        restraint,
    };
    let next = match course.resume(begun)? {
        Some(next) => next,
        None => course.follow(&finding)?,
    };
    match next {
        Next::Healthy | Next::Unhealthy | Next::RestartServices => lease::status("done"),
        Next::Rebooting => {}
    }
    Ok(())
}

/// Whether nothing was left undone: no action, or one that does not end with a reboot and is written down as done.
fn is_finished(report: &Report, machine: &Machine) -> bool {
    let unfinished = machine
        .state
        .open_incident()
        .and_then(|incident| incident.unfinished(&machine.boot));
    match report.action {
        Action::None => true,
        Action::Stop => unfinished.is_none(),
        // After a restart there is another verdict, after the others a reboot.
        Action::Restart | Action::Reboot | Action::Rollback => false,
    }
}

/// The verdict that the runner gave, or that it gave none. One that it was about to improve on (services were being
/// restarted) is none.
fn finding(report: Option<Report>) -> Finding {
    let mut checks = vec![Outcome::finding(
        "runner",
        "health-checker.service",
        Severity::Required,
        "ended without finishing its work".to_owned(),
    )];
    checks.extend(fallen());
    checks.extend(report.map(|report| report.checks).unwrap_or_default());
    Finding {
        verdict: Verdict::Unknown,
        checks,
    }
}

/// Emergency and rescue mode, with the units that failed: mostly the reason why there is no D-Bus. Asked over
/// systemd's private socket.
fn fallen() -> Option<Outcome> {
    let modes = units(&[&["--state=active,activating"][..], &BROKEN_MODES].concat());
    let mode = modes.first()?;
    let failed = units(&["--state=failed"]);
    let others: Vec<&str> = failed
        .iter()
        .map(String::as_str)
        .filter(|unit| !unit.starts_with("health-check"))
        .collect();
    let message = format!("{}; failed units: {}", fell_into(mode), others.join(", "));
    Some(Outcome::finding(
        "boot",
        "health-checker.service",
        Severity::Required,
        message,
    ))
}

/// Names of units as `systemctl list-units` gives them.
fn units(arguments: &[&str]) -> Vec<String> {
    const LIMIT: Duration = Duration::from_secs(30);
    let list = ["systemctl", "list-units", "--plain", "--no-legend"];
    let listed = command::run(&[&list[..], arguments].concat(), LIMIT, &lease::renew);
    let output = listed.map(|ended| ended.output).unwrap_or_default();
    output
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}
