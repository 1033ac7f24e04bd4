//! Restarting failing services, once, all at the same time.

use std::time::Duration;

use anyhow::Result;

use crate::facts::{CheckResult, Outcome};
use crate::lease;
use crate::messages;
use crate::systemd1::{Manager, Verb};

/// systemd's own DefaultTimeoutStartSec= is 90 s; a service may stop for as long before.
const LIMIT: Duration = Duration::from_secs(200);

/// Restarts every service that is failed or crash-looping, ours excepted: a plain plugin does not say which service
/// it is about. So are services that are failed checks themselves, whatever they do at the moment. Gives a line for
/// each, for the incident.
///
/// # Errors
/// From the bus.
pub fn restart_failing_services(manager: &Manager, checks: &[Outcome]) -> Result<Vec<String>> {
    let failing = manager.units(&["failed", "auto-restart"], &["*.service"])?;
    let failed_checks = checks
        .iter()
        .filter(|check| check.result == CheckResult::Failed && check.unit.ends_with(".service"));
    let mut services: Vec<String> = failing
        .into_iter()
        .map(|unit| unit.name)
        .chain(failed_checks.map(|check| check.unit.clone()))
        .filter(|unit| !unit.starts_with("health-check"))
        .collect();
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
