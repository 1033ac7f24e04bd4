//! What becomes of the machine when services were stopped: it stays up, enters another mode, or is switched off.

use std::time::Duration;

use anyhow::{Result, bail};
use health_checks::config::Stop;

use crate::sys::{command, lease, messages};

const LIMIT: Duration = Duration::from_secs(60);

/// Enters the mode, by systemctl, which works without D-Bus. This may be the end of the process: whatever is to be
/// kept must have been written before.
///
/// # Errors
/// When systemd refuses.
pub fn enter(mode: Stop) -> Result<()> {
    // What is still to be started in this boot gives way, and no unit that is activated meanwhile takes it back.
    let irreversibly = "--job-mode=replace-irreversibly";
    let (job_mode, target) = match mode {
        Stop::Stop => return Ok(()),
        // It conflicts with nothing by itself; our own units have IgnoreOnIsolate=.
        Stop::Rescue => ("--job-mode=isolate", "rescue.target"),
        // Not isolated: what it conflicts with is sysinit.target, and nearly everything requires that.
        Stop::Emergency => (irreversibly, "emergency.target"),
        Stop::Poweroff => (irreversibly, "poweroff.target"),
    };
    log::warn!(MESSAGE_ID = messages::STOP, HEALTH_ACTION = "stop"; "starting {target}, as 'Stop={}' says", mode.as_str());
    let argv = ["systemctl", "--no-block", job_mode, "start", target];
    let ended = command::run(&argv, LIMIT, &lease::renew)?;
    if !ended.success() {
        bail!("'{}': {ended}", argv.join(" "));
    }
    Ok(())
}
