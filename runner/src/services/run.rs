//! `health-checker run`, the main program of health-checker.service: from the checks to the consequences.

use std::process::ExitCode;
use std::thread;

use anyhow::{Result, anyhow};
use health_checks::{Found, Mode, Root};

use crate::checks::{judge, observe};
use crate::course::{Course, act};
use crate::machine::Machine;
use crate::model::facts::{Action, Outcome, Severity, Verdict};
use crate::model::finding::{Finding, Next, Stage};
use crate::model::text;
use crate::model::text::failed_names;
use crate::model::units::RUNNER;
use crate::state::incident::Progress;
use crate::state::lock;
use crate::sys::bus::Manager;
use crate::sys::{fail_point, lease, messages};

/// See the module. The exit status is 0 exactly if the boot is healthy: boot-complete.target is reached then.
///
/// # Errors
/// When no verdict can be given. The fail-safe takes over.
pub fn run(root: &Root) -> Result<ExitCode> {
    if health_checks::command_line(root) == Mode::Off {
        log::info!(
            "'health-checker=0' on the kernel command line: no checks, no verdict, no action"
        );
        return Ok(ExitCode::SUCCESS);
    }
    lease::status("Waiting for the boot to settle and for the health checks");
    let (manager, boot) = judge::wait(root)?;
    // Now, not while waiting: the boot still mounts what is looked at here.
    let (looked, pulled_in) = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut machine = Machine::look_in(root, boot);
            machine.ask_boot_loader();
            (machine, observe::find(root))
        });
        let pulled_in = observe::pulled_in(&manager);
        (looking.join(), pulled_in)
    });
    let (mut machine, found) = looked.map_err(|_| anyhow!("looking at this boot panicked"))?;
    for warning in &machine.warnings {
        log::warn!("{warning}");
    }
    let restraint = machine.restraint();
    fail_point::reached("begun");
    let checks = judge::judge(&machine, &manager, &found, pulled_in?)?;
    fail_point::reached("judged");
    let mut course = Course {
        machine: &mut machine,
        manager: Some(&manager),
        found: &found,
        restraint,
        stage: Stage::System,
    };
    // Whoever has it while we wait for it decides without us, and ends us.
    let _lock = lock::wait(root)?;
    conclude(&mut course, &manager, &found, checks)
}

/// Follows the checks to their consequences; once more where restarting services was one. The exit status of the runner.
fn conclude(
    course: &mut Course,
    manager: &Manager,
    found: &Found,
    mut checks: Vec<Outcome>,
) -> Result<ExitCode> {
    let mut restarted = false;
    loop {
        let verdict = Verdict::of(&checks);
        tell(verdict, &checks);
        if let Err(error) = observe::measure(manager, &mut checks) {
            log::warn!("how long the checks took is not known: {error:#}");
        }
        if verdict != Verdict::Unhealthy
            && (restarted || checks.iter().any(|check| check.tries > 1))
        {
            judge::reach_target(manager);
        }
        let finding = Finding {
            verdict,
            checks,
            of: None,
        };
        match course.follow(&finding)? {
            Next::RestartServices => {
                let details =
                    act::restart::restart_failing_services(manager, found, &finding.checks)?;
                fail_point::reached("restarted");
                judge::run_again(manager, &finding.checks)?;
                course.finish(Action::Restart, Progress::Done, details);
                let pulled_in = observe::pulled_in(manager)?;
                checks = judge::judge(course.machine, manager, found, pulled_in)?;
                restarted = true;
            }
            Next::Healthy => {
                let checks = text::count(finding.checks.len(), "check");
                lease::status(&format!("{}: {checks}", verdict.as_str()));
                return Ok(ExitCode::SUCCESS);
            }
            Next::Unhealthy => {
                lease::status(&format!(
                    "unhealthy: {}",
                    failed_names(&finding.checks).join(", ")
                ));
                return Ok(ExitCode::FAILURE);
            }
            Next::Rebooting => return Ok(ExitCode::FAILURE),
        }
    }
}

/// The verdict in the journal: each failed check under its own unit as well, then one sentence. That one names ours:
/// journald cannot find it out any more where we have ended before it looks, and `journalctl -u` would miss the verdict.
fn tell(verdict: Verdict, checks: &[Outcome]) {
    for check in checks.iter().filter(|check| check.result.is_bad()) {
        let wanted = match check.severity {
            Severity::Required => "",
            Severity::Wanted => " (wanted only)",
        };
        // health-checker 1.x: "/usr/libexec/health-checker/NAME check" failed
        let what = check
            .source
            .as_ref()
            .map_or_else(|| check.unit.clone(), |source| format!("{source} check"));
        log::warn!(
            MESSAGE_ID = messages::CHECK_FAILED,
            HEALTH_CHECK = check.name.as_str(),
            HEALTH_RESULT = check.result.as_str(),
            OBJECT_SYSTEMD_UNIT = check.unit.as_str();
            "\"{what}\" failed{wanted}: {}", check.message
        );
    }
    let passed = checks.iter().filter(|check| !check.result.is_bad()).count();
    let names = failed_names(checks).join(", ");
    match verdict {
        Verdict::Healthy => {
            log::info!(MESSAGE_ID = messages::HEALTHY, HEALTH_RESULT = "healthy", OBJECT_SYSTEMD_UNIT = RUNNER; "Health check passed: {}", text::count(passed, "check"))
        }
        Verdict::Degraded => log::warn!(
            MESSAGE_ID = messages::HEALTHY, HEALTH_RESULT = "degraded", OBJECT_SYSTEMD_UNIT = RUNNER;
            "Health check passed, but the boot is degraded: {} passed; not required, but failed: {names}", text::count(passed, "check")
        ),
        Verdict::Unhealthy | Verdict::Pending | Verdict::Unknown => log::error!(
            MESSAGE_ID = messages::UNHEALTHY, HEALTH_RESULT = "unhealthy", OBJECT_SYSTEMD_UNIT = RUNNER;
            "Health check failed: {names} ({passed} of {} checks passed)", checks.len()
        ),
    }
}
