//! Why a boot has no verdict, as far as it can be seen without D-Bus: the mode, the jobs that still run, the checks that
//! have not finished. Asked over systemd's private socket.

use std::time::Duration;

use health_checks::Root;

use crate::checks::findings::{BROKEN_MODES, fell_into};
use crate::model::cause::Cause;
use crate::model::facts::{Outcome, Severity};
use crate::model::units::{RUNNER, is_ours};
use crate::sys::bus::is_held;
use crate::sys::{command, lease};

/// systemd answers in milliseconds; one that does not must not stop the fail-safe.
const LIMIT: Duration = Duration::from_secs(30);
/// As many names as one reads.
const NAMES: usize = 10;

/// What is known, as checks that failed.
pub fn gather(cause: Cause) -> Vec<Outcome> {
    let finding =
        |name: &str, message: String| Outcome::finding(name, RUNNER, Severity::Required, message);
    let mut all = Vec::new();
    match cause {
        Cause::Runner => all.push(finding(
            "runner",
            "ended without finishing its work: see 'systemctl status health-checker'".to_owned(),
        )),
        Cause::Deadline => all.push(finding("deadline", late())),
        Cause::Emergency => {}
    }
    all.extend(fallen());
    if all.is_empty() {
        // The mode is left again already.
        all.push(finding(
            "boot",
            "the boot fell into emergency or rescue mode".to_owned(),
        ));
    }
    all
}

/// Emergency and rescue mode, with the units that failed: mostly the reason why there is no D-Bus.
pub fn fallen() -> Option<Outcome> {
    let modes = units(&[&["--state=active,activating"][..], &BROKEN_MODES].concat());
    let mode = modes.first()?;
    let failed = others(units(&["--state=failed"]));
    let message = format!("{}; failed units: {}", fell_into(mode), failed.join(", "));
    Some(Outcome::finding(
        "boot",
        RUNNER,
        Severity::Required,
        message,
    ))
}

/// Whether all that keeps this boot from its verdict are users who hold the bus: all required checks have passed.
pub fn is_only_held_up(root: &Root) -> bool {
    is_held(root) && !units(&["--state=active", health_checks::TARGET]).is_empty()
}

/// Whether a bus client has a chance: with the socket there and nothing behind it, it waits for its time limit. So it
/// does where users hold the bus.
pub fn has_bus(root: &Root) -> bool {
    !is_held(root) && !units(&["--state=active", "dbus.service", "dbus-broker.service"]).is_empty()
}

fn late() -> String {
    let jobs = systemctl(&["list-jobs", "--plain", "--no-legend"]);
    let running = jobs.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let unit = *words.get(1)?;
        (words.last() == Some(&"running")).then(|| unit.to_owned())
    });
    let running = others(running.collect());
    let checks = units(&[
        "--state=activating",
        "health-check@*.service",
        "health-check-local@*.service",
    ]);
    let mut text = "no verdict in time ('DeadlineSec=')".to_owned();
    for (what, names) in [
        ("still starting", &running),
        ("checks that have not finished", &checks),
    ] {
        if !names.is_empty() {
            let shown = &names[..names.len().min(NAMES)];
            text.push_str(&format!("; {what}: {}", shown.join(", ")));
        }
    }
    text
}

fn others(mut units: Vec<String>) -> Vec<String> {
    units.retain(|unit| !is_ours(unit));
    units
}

/// Names of units as `systemctl list-units` gives them.
fn units(arguments: &[&str]) -> Vec<String> {
    let list = ["list-units", "--plain", "--no-legend"];
    systemctl(&[&list[..], arguments].concat())
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn systemctl(arguments: &[&str]) -> String {
    let listed = command::run(&[&["systemctl"], arguments].concat(), LIMIT, &lease::renew);
    listed.map(|ended| ended.output).unwrap_or_default()
}
