//! `health-checker failsafe`: this boot has no verdict, and somebody has to decide with what is known. The same policy, by
//! ways that need no D-Bus. Started when the runner ended without finishing its work (OnFailure=), when the boot took too
//! long (health-checker-deadline.timer), and in emergency and rescue mode.

use anyhow::Result;
use health_checks::{CommandLine, Mode, Root};

use crate::checks::observe;
use crate::course::{Course, act};
use crate::machine::Machine;
use crate::model::cause::Cause;
use crate::model::facts::{Action, BootKey, Outcome, Severity};
use crate::model::finding::{Finding, Next, Stage};
use crate::model::report::Report;
use crate::model::units::RUNNER;
use crate::policy::Restraint;
use crate::services::evidence;
use crate::state::{lock, runtime};
use crate::sys::systemctl::RunnerUnit;
use crate::sys::{lease, messages};

/// See the module.
///
/// # Errors
/// When the machine should be rebooted and cannot.
pub fn failsafe(root: &Root, cause: Cause) -> Result<()> {
    let line = CommandLine::read(root);
    if line.mode == Mode::Off {
        return Ok(());
    }
    // What that one begins it finishes, or its own unit fails.
    let Ok(_lock) = lock::try_now(root) else {
        return Ok(());
    };
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
    if !is_to_decide(cause, &machine, &line) {
        return Ok(());
    }
    // Looked for before anything is killed: what was still running is why there is no verdict.
    let checks = evidence::gather(cause);
    log::error!(MESSAGE_ID = messages::NO_VERDICT; "there is no verdict on this boot: {}", texts(&checks));
    if cause == Cause::Deadline {
        RunnerUnit::kill();
    }
    decide(root, &mut machine, report, checks)
}

/// Whether a verdict is missing that should be there, and nobody is about to give it.
fn is_to_decide(cause: Cause, machine: &Machine, line: &CommandLine) -> bool {
    if cause == Cause::Runner {
        return true;
    }
    if let Some(target) = &line.target {
        log::info!("no verdict is expected: the kernel command line asks for {target}");
        return false;
    }
    if cause == Cause::Deadline && machine.config.boot.deadline.is_zero() {
        log::info!("there is no verdict yet, but 'DeadlineSec=0' gives it as long as it takes");
        return false;
    }
    match (cause, RunnerUnit::ask()) {
        (_, RunnerUnit::Off) => {
            log::warn!("there is no verdict on this boot: {RUNNER} is masked or not enabled");
            false
        }
        (_, RunnerUnit::Skipped) => {
            log::warn!(
                "there is no verdict on this boot, and nothing is done: a condition of {RUNNER} is not met; see 'systemctl status {RUNNER}'"
            );
            false
        }
        (Cause::Emergency, RunnerUnit::Working) => {
            log::info!("{RUNNER} is going to judge this boot");
            false
        }
        // Its job was dropped, or never there. It can still say more than we can.
        (Cause::Deadline, RunnerUnit::Never) if evidence::fallen().is_none() => {
            log::warn!("{RUNNER} was never started in this boot: starting it");
            !RunnerUnit::start()
        }
        (Cause::Runner | Cause::Deadline | Cause::Emergency, _) => true,
    }
}

pub(super) fn decide(
    root: &Root,
    machine: &mut Machine,
    report: Option<Report>,
    mut checks: Vec<Outcome>,
) -> Result<()> {
    // What it was in the middle of belongs to this boot's first judging, so nothing is held back because of that.
    runtime::remove(root, runtime::REPORT);
    machine.judged_before = false;
    machine.ask_boot_loader();
    let restraint = machine
        .restraint()
        .or_else(|| evidence::is_only_held_up(root).then_some(Restraint::BusHeld));
    let found = observe::find(root);
    let begun = machine
        .state
        .open_incident()
        .and_then(|incident| incident.unfinished(&machine.boot))
        .map(|step| step.action);
    let begun = begun
        .or(report.as_ref().map(|report| report.action))
        .unwrap_or(Action::None);
    // The verdict that the runner gave; one that it was about to improve on is none.
    checks.extend(report.map(|report| report.checks).unwrap_or_default());
    let finding = Finding::unjudged(checks);
    let stage = match evidence::has_bus(root) {
        true => Stage::System,
        false => Stage::NoBus,
    };
    let mut course = Course {
        machine,
        manager: None,
        found: &found,
        restraint,
        stage,
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

fn texts(checks: &[Outcome]) -> String {
    let required = checks
        .iter()
        .filter(|check| check.severity == Severity::Required);
    let texts: Vec<&str> = required.map(|check| check.message.as_str()).collect();
    texts.join("; ")
}
