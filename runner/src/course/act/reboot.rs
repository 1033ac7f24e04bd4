//! Rebooting, so that services are stopped in order and the boot loader is passed through (FACTS §9): not
//! `systemctl reboot`, which an inhibitor refuses, and which a prepared soft-reboot or kexec diverts.

use std::time::Duration;

use anyhow::{Result, bail};
use health_checks::Root;

use crate::model::facts::BootKey;
use crate::state::runtime;
use crate::sys::bus::Manager;
use crate::sys::{command, fail_point, lease};

const TARGET: &str = "reboot.target";
const MODE: &str = "replace-irreversibly";
const LIMIT: Duration = Duration::from_secs(60);

/// Asks for the reboot. When this returns `Ok`, nothing else may be done (invariant I8).
///
/// # Errors
/// When no way to reboot is left.
pub fn reboot(root: &Root, boot: &BootKey, manager: Option<&Manager>) -> Result<()> {
    // Before, not after: whoever takes over from us if we die now must not begin another action.
    if let Err(error) = runtime::write(root, runtime::REBOOT, boot) {
        log::warn!("{error:#}");
    }
    fail_point::reached("rebooting");
    let mut said = Vec::new();
    match manager.map(|manager| manager.queue(TARGET, MODE)) {
        Some(Ok(())) => return Ok(()),
        Some(Err(error)) => said.push(format!("{error:#}")),
        None => {}
    }
    // systemctl talks to PID 1 over a socket of its own, which works without D-Bus.
    let orderly = [
        "systemctl",
        "--no-block",
        "--job-mode=replace-irreversibly",
        "start",
        TARGET,
    ];
    for argv in [&orderly[..], &["systemctl", "reboot", "--force"]] {
        match command::run(argv, LIMIT, &lease::renew) {
            Ok(ended) if ended.success() => return Ok(()),
            Ok(ended) => said.push(format!("'{}': {ended}", argv.join(" "))),
            Err(error) => said.push(format!("{error:#}")),
        }
    }
    runtime::remove(root, runtime::REBOOT);
    bail!("the machine cannot be rebooted: {}", said.join("; "))
}
