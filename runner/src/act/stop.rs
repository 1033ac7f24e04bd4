//! The last resort: every plugin is called with `stop`, so that a broken machine does no harm and stays reachable.

use std::path::Path;
use std::time::Duration;

use health_checks::Found;

use crate::command;
use crate::lease;

/// For one plugin; it stops services, which have 90 s by default.
const LIMIT: Duration = Duration::from_secs(100);

/// Where links to plugins with odd names go.
const UNITS: &str = "/run/systemd/system";
/// systemd.unit(5); a longer one is left to systemd-run to choose.
const UNIT_NAME_MAX: usize = 255;

/// Calls each plugin with `stop`, one after another as health-checker 1.x does, in a transient unit of its own
/// (systemd-run works without D-Bus). Gives a line for each, for the incident.
pub fn stop_services(found: &Found) -> Vec<String> {
    let plugins = found
        .checks
        .iter()
        .filter(|check| !check.masked && !check.command.is_empty());
    plugins
        .map(|check| {
            lease::status(&format!("Stopping services: {}", check.name));
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
                "--property=DefaultDependencies=no",
            ];
            argv.extend(unit.as_deref());
            argv.push("--");
            argv.extend(program.iter().map(String::as_str));
            argv.push("stop");
            let line = match command::run(&argv, LIMIT, &lease::renew) {
                Ok(ended) if ended.success() => format!("{}: stopped", check.name),
                Ok(ended) => format!("{}: stop failed: {ended}", check.name),
                Err(error) => format!("{}: stop failed: {error:#}", check.name),
            };
            log::info!(HEALTH_ACTION = "stop", HEALTH_CHECK = check.name.as_str(); "{line}");
            line
        })
        .collect()
}
