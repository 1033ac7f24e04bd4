//! Restarting failing services, once, all at the same time.

use std::time::Duration;

use anyhow::Result;
use health_checks::Found;

use crate::model::facts::{CheckResult, Outcome};
use crate::model::units::is_ours;
use crate::sys::bus::{Manager, Verb};
use crate::sys::{lease, messages};

/// systemd's own DefaultTimeoutStartSec= is 90 s; a service may stop for as long before.
const LIMIT: Duration = Duration::from_secs(200);

/// Restarts what failed checks are about, once: the units that they name (`RestartUnits=`); and if one of them names
/// none, as a plain plugin does, every service that is failed or crash-looping, ours excepted. So are services that
/// are failed checks themselves, whatever they do at the moment. Gives a line for each, for the incident.
///
/// # Errors
/// From the bus.
pub fn restart_failing_services(
    manager: &Manager,
    found: &Found,
    checks: &[Outcome],
) -> Result<Vec<String>> {
    let mut services: Vec<String> = Vec::new();
    let mut names_none = false;
    for failed in checks.iter().filter(|check| check.result.is_bad()) {
        match found.checks.iter().find(|check| check.unit == failed.unit) {
            Some(check) if !check.settings.restart_units.is_empty() => {
                services.extend(check.settings.restart_units.iter().cloned());
            }
            Some(_) => names_none = true,
            None if failed.result == CheckResult::Failed && failed.unit.ends_with(".service") => {
                names_none = true;
                services.push(failed.unit.clone());
            }
            None => names_none = true,
        }
    }
    if names_none {
        let failing = manager.units(&["failed", "auto-restart"], &["*.service"])?;
        services.extend(failing.into_iter().map(|unit| unit.name));
    }
    services.retain(|unit| !is_ours(unit));
    services.sort();
    services.dedup();
    if services.is_empty() {
        log::info!(MESSAGE_ID = messages::RESTART; "no service is failed or crash-looping: none to restart");
        return Ok(vec!["no service was failed or crash-looping".to_owned()]);
    }
    lease::status(&format!("Restarting {}", services.join(", ")));
    log::warn!(MESSAGE_ID = messages::RESTART, HEALTH_ACTION = "restart"; "restarting failing services: {}", services.join(", "));
    let results = manager.run(Verb::Restart, &services, LIMIT, &lease::renew)?;
    Ok(services
        .iter()
        .zip(results)
        .map(|(service, result)| {
            let line = format!("{service}: restarted, {result}");
            log::info!(HEALTH_ACTION = "restart", OBJECT_SYSTEMD_UNIT = service.as_str(); "{line}");
            line
        })
        .collect())
}
