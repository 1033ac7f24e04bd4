//! This boot: its identity, its mode, and what the kernel and the container manager say of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use health_checks::Root;

use crate::model::facts::BootKey;
use crate::sys::bus::Manager;
use crate::sys::{command, lease};

/// systemd answers in milliseconds; one that does not must not stop the fail-safe.
const LIMIT: Duration = Duration::from_secs(60);

/// Identity of this boot, asked of systemd over its private socket, so that it works without D-Bus.
///
/// # Errors
/// When the kernel gives no boot id.
pub fn key(root: &Root) -> Result<BootKey> {
    key_of(root, userspace_usec())
}

/// The same, asked over D-Bus where there is a connection: running a program for it takes as long as a check.
///
/// # Errors
/// When the kernel gives no boot id.
pub fn key_by(root: &Root, manager: &Manager) -> Result<BootKey> {
    let path = "/org/freedesktop/systemd1";
    let usec = manager.property(path, "Manager", "UserspaceTimestampMonotonic");
    key_of(root, usec.unwrap_or_else(|_| userspace_usec()))
}

fn key_of(root: &Root, userspace_usec: u64) -> Result<BootKey> {
    let path = root.join("/proc/sys/kernel/random/boot_id");
    let boot_id = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read '{}'", path.display()))?;
    Ok(BootKey {
        boot_id: boot_id.trim().to_owned(),
        userspace_usec,
    })
}

/// 0 where systemd does not answer: then soft-reboots are not told apart, which is all that is lost.
fn userspace_usec() -> u64 {
    let argv = [
        "systemctl",
        "show",
        "--property=UserspaceTimestampMonotonic",
        "--value",
    ];
    command::run(&argv, LIMIT, &lease::renew)
        .ok()
        .and_then(|ended| ended.output.parse().ok())
        .unwrap_or_default()
}

/// Whether this is a container (systemd writes the file there, whatever the manager).
pub fn in_container(root: &Root) -> bool {
    health_checks::in_container(root)
}

/// The clock of systemd's monotonic timestamps.
pub fn monotonic_usec() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000
        + u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000
}

/// For people; nothing is decided by it.
pub fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
