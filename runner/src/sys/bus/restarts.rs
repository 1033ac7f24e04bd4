//! Waiting that outlives a restart of D-Bus: an update or a script may restart it in the middle of a boot.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use health_checks::Root;

use super::{Manager, is_held};
use crate::sys::lease;

/// A bus that was restarted needs a moment.
const RETRY: Duration = Duration::from_secs(1);
/// How often a bus that cannot be reached is tried again. On a machine that starves, one try of 15 s is not enough.
const MORE_TRIES: u32 = 2;

/// Calls `work` with a connection, and again with a new one when it fails, until the deadline; as long where users hold
/// the bus. Gives the connection as well: it works.
///
/// # Errors
/// When there is no bus, or the last error of `work`.
pub fn through_restarts<T>(
    root: &Root,
    deadline: Instant,
    work: &mut dyn FnMut(&Manager) -> Result<T>,
) -> Result<(Manager, T)> {
    let mut failures = 0;
    loop {
        let error = match Manager::connect() {
            Ok(manager) => {
                failures = 0;
                match work(&manager) {
                    Ok(value) => return Ok((manager, value)),
                    Err(error) if Instant::now() >= deadline => return Err(error),
                    Err(error) => error,
                }
            }
            Err(error)
                if failures >= MORE_TRIES && !(is_held(root) && Instant::now() < deadline) =>
            {
                return Err(error);
            }
            Err(error) => {
                failures += 1;
                error
            }
        };
        log::warn!("trying again: {error:#}");
        lease::renew();
        thread::sleep(RETRY);
    }
}
