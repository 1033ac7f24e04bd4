//! `health-checker arm` and `disarm`, of health-checker-arm.service: a boot that dies before there is a verdict is noticed
//! by the next one. As early as `/var` allows, and without D-Bus.

use anyhow::Result;
use health_checks::{CommandLine, Mode, Root};

use crate::checks::observe;
use crate::course::Course;
use crate::deployment;
use crate::machine::Machine;
use crate::machine::ladder::explain;
use crate::model::deployment::Deployment;
use crate::model::facts::{BootKey, Outcome, Severity, Verdict};
use crate::model::finding::{Finding, Stage};
use crate::model::run_files::Armed;
use crate::model::text::count;
use crate::model::units::ARM;
use crate::policy::Standing;
use crate::services::trial;
use crate::state::attempts::Ending;
use crate::state::runtime;
use crate::sys::{boot, fail_point, lease, messages};

/// A known good deployment died so often in a row that it is the deployment, and not the power supply.
const KNOWN_GOOD_DEATHS: usize = 3;
/// Shut down in order so often before there was a verdict, nobody but the deployment itself does it.
const SHUT_DOWN_LIMIT: usize = 5;

/// Writes down that this boot began. Where too many boots of this deployment have died, goes back at once.
///
/// # Errors
/// When this boot cannot be told from others, or the machine should be rebooted and cannot.
pub fn arm(root: &Root) -> Result<()> {
    let line = CommandLine::read(root);
    if line.mode == Mode::Off {
        return Ok(());
    }
    arm_in(Machine::look(root)?, &line)
}

pub(super) fn arm_in(mut machine: Machine, line: &CommandLine) -> Result<()> {
    if let Some(why) = uncounted(&machine, line) {
        log::info!("this boot is not counted: {why}");
        return Ok(());
    }
    let Some(booted) = machine.booted().cloned() else {
        return Ok(());
    };
    if machine.half_rolled_back().is_some() {
        log::warn!("a rollback was interrupted before the boot loader knew of it: finishing it");
        let finding = Finding::unjudged(vec![Outcome::finding(
            "boot",
            ARM,
            Severity::Required,
            "was booted once more in the middle of a rollback".to_owned(),
        )]);
        return go_back(&mut machine, &finding);
    }
    let died = machine.state.unjudged(&booted, &machine.boot, Ending::None);
    let shut_down = machine
        .state
        .unjudged(&booted, &machine.boot, Ending::ShutDown);
    machine.state.begin(&machine.boot.clone(), &booted);
    machine
        .state
        .note_died(&booted, &died, boot::seconds_since_1970());
    if let Err(error) = machine.store.save(&machine.state) {
        log::warn!("if this boot dies, it will not be noticed by health-checker: {error:#}");
        return Ok(());
    }
    fail_point::reached("armed");
    for warning in &machine.warnings {
        log::warn!("{warning}");
    }
    let armed = Armed {
        boot: machine.boot.clone(),
        warnings: machine.warnings.clone(),
    };
    if let Err(error) = runtime::write(&machine.root, runtime::ARMED, &armed) {
        log::warn!("{error:#}");
    }
    match too_many(&machine, &booted, &died, &shut_down) {
        Some(finding) => go_back(&mut machine, &finding),
        None => {
            if !died.is_empty() {
                log::warn!(
                    "{booted} died {} before it was judged: one more is granted",
                    times(died.len())
                );
            }
            Ok(())
        }
    }
}

/// A boot without a verdict that is shut down in order did not die. An update that is booted next goes on trial.
///
/// # Errors
/// When that cannot be written down: it will be taken for one that died. When the boot loader cannot be told.
pub fn disarm(root: &Root) -> Result<()> {
    let not_died = shut_down(root);
    // Whether a new deployment is next, to be tried once, does not depend on it.
    trial::at_shutdown(root).and(not_died)
}

pub(super) fn shut_down(root: &Root) -> Result<()> {
    let Some(Armed { boot, .. }) = runtime::read(root, runtime::ARMED) else {
        return Ok(());
    };
    let store = deployment::store(root);
    let mut state = store.load().state;
    if state.shut_down(&boot) {
        store.save(&state)?;
        log::info!(
            "this boot is shut down before it was judged: it does not count as one that died"
        );
    }
    runtime::remove(root, runtime::ARMED);
    Ok(())
}

/// Nobody wants a verdict on this boot after all: it is no longer counted.
///
/// # Errors
/// When that cannot be written down.
pub fn forget(root: &Root) -> Result<()> {
    let Some(Armed { boot, .. }) = runtime::read(root, runtime::ARMED) else {
        return Ok(());
    };
    let store = deployment::store(root);
    let mut state = store.load().state;
    state.judged(&boot);
    store.save(&state)?;
    runtime::remove(root, runtime::ARMED);
    Ok(())
}

/// Why a boot is not counted, if so.
fn uncounted(machine: &Machine, line: &CommandLine) -> Option<String> {
    if let Some(target) = &line.target {
        return Some(format!("the kernel command line asks for {target}"));
    }
    if machine.runner_is_off() {
        return Some("health-checker.service is masked or not installed".to_owned());
    }
    machine
        .restraint()
        .map(|restraint| explain(restraint).to_owned())
}

fn too_many(
    machine: &Machine,
    booted: &Deployment,
    died: &[BootKey],
    shut_down: &[BootKey],
) -> Option<Finding> {
    let (spent, granted) = match machine.standing() {
        Standing::New => (
            machine.state.spent_boots(booted, &machine.boot),
            machine.config.escalation.tries as usize,
        ),
        Standing::KnownGood => (died.len(), KNOWN_GOOD_DEATHS),
    };
    let (of, message) = if !died.is_empty() && spent >= granted {
        let text = format!("died before it was judged, attempts {spent} of {granted}");
        (died.first(), text)
    } else if shut_down.len() >= SHUT_DOWN_LIMIT {
        let text = format!(
            "was shut down {} before it was judged: it may do that by itself",
            times(shut_down.len())
        );
        (shut_down.first(), text)
    } else {
        return None;
    };
    log::error!(MESSAGE_ID = messages::DIED, SNAPSHOT = booted.name(); "{booted} {message}");
    Some(Finding {
        of: of.cloned(),
        ..Finding::unjudged(vec![Outcome::finding(
            "boot",
            ARM,
            Severity::Required,
            message,
        )])
    })
}

/// The only thing that helps this early. Without a place to go back to, the boot goes on, and perhaps it gets further
/// this time.
fn go_back(machine: &mut Machine, finding: &Finding) -> Result<()> {
    debug_assert_eq!(finding.verdict, Verdict::Unknown);
    let found = observe::find(&machine.root);
    let restraint = machine.restraint();
    let mut course = Course {
        machine,
        manager: None,
        found: &found,
        restraint,
        stage: Stage::Early,
    };
    if course.goes_back(finding) {
        return course.follow(finding).map(|_| ());
    }
    log::warn!("there is nothing to go back to: this boot goes on");
    lease::status("Not gone back: there is nothing to go back to");
    Ok(())
}

fn times(number: usize) -> String {
    count(number, "time")
}
