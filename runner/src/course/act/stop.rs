//! The last resort: every plugin is called with `stop`, so that a broken machine does no harm and stays reachable.

use std::path::Path;
use std::thread;
use std::time::Duration;

use health_checks::{Check, Found};

use crate::sys::{command, lease};

/// For one plugin: TimeoutStartSec= and TimeoutStopSec= of its unit, and a little more.
const LIMIT: Duration = Duration::from_secs(110);

/// Where links to plugins with odd names go.
const UNITS: &str = "/run/systemd/system";
/// systemd.unit(5); a longer one is left to systemd-run to choose.
const UNIT_NAME_MAX: usize = 255;

/// Calls each plugin with `stop`, in a transient unit of its own (systemd-run works without D-Bus), all at the same
/// time: one that hangs must not keep the others from it. Gives a line for each, for the incident.
pub fn stop_services(found: &Found) -> Vec<String> {
    let plugins: Vec<&Check> = found
        .checks
        .iter()
        .filter(|check| !check.masked && !check.command.is_empty())
        .collect();
    lease::status(&format!("Stopping services: {} plugins", plugins.len()));
    let mut lines: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = plugins
            .iter()
            .map(|check| scope.spawn(|| stop(check)))
            .collect();
        plugins
            .iter()
            .zip(running)
            .map(|(check, stopped)| {
                let line = stopped
                    .join()
                    .unwrap_or_else(|_| format!("{}: stop failed: its thread died", check.name));
                log::info!(HEALTH_ACTION = "stop", HEALTH_CHECK = check.name.as_str(); "{line}");
                line
            })
            .collect()
    });
    lines.extend(stop_units(found));
    lines
}

/// What `.check` files name in `StopUnits=`.
fn stop_units(found: &Found) -> Option<String> {
    let checks = found.checks.iter().filter(|check| !check.masked);
    let mut units: Vec<&str> = checks
        .flat_map(|check| check.settings.stop_units.iter().map(String::as_str))
        .collect();
    units.sort_unstable();
    units.dedup();
    if units.is_empty() {
        return None;
    }
    let argv = [&["systemctl", "stop", "--"][..], &units].concat();
    let line = match command::run(&argv, LIMIT, &lease::renew) {
        Ok(ended) if ended.success() => format!("stopped: {}", units.join(", ")),
        Ok(ended) => format!("stopping {} failed: {ended}", units.join(", ")),
        Err(error) => format!("stopping {} failed: {error:#}", units.join(", ")),
    };
    log::info!(HEALTH_ACTION = "stop"; "{line}");
    Some(line)
}

fn stop(check: &Check) -> String {
    // "health-check-stop@x.service" for "health-check@x.service": a name that tells the two apart.
    let unit = check.unit.replacen("health-check", "health-check-stop", 1);
    let unit = (unit.len() <= UNIT_NAME_MAX).then(|| format!("--unit={unit}"));
    // A plugin with a name that systemd refuses is called through a link.
    let program = match health_checks::ensure_link(check, Path::new(UNITS)) {
        Ok(program) => program,
        Err(error) => return format!("{}: stop failed: {error}", check.name),
    };
    let mut argv = vec![
        "systemd-run",
        "--quiet",
        "--collect",
        "--slice=healthcheck.slice",
        "--property=Type=oneshot",
        "--property=TimeoutStartSec=90s",
        // As in the template: for what a plugin leaves behind, and for one that floods its output.
        "--property=TimeoutStopSec=10s",
        "--property=LogRateLimitIntervalSec=10min",
        "--property=LogRateLimitBurst=40",
        "--property=DefaultDependencies=no",
    ];
    argv.extend(unit.as_deref());
    argv.push("--");
    argv.extend(program.iter().map(String::as_str));
    argv.push("stop");
    match command::run(&argv, LIMIT, &lease::renew) {
        Ok(ended) if ended.success() => format!("{}: stopped", check.name),
        Ok(ended) => format!("{}: stop failed: {ended}", check.name),
        Err(error) => format!("{}: stop failed: {error:#}", check.name),
    }
}
