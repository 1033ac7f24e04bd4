//! What systemd says about units.
//!
//! Root asks PID 1 itself over its private socket: that takes a third of the CPU that a systemctl takes, and works
//! without a D-Bus daemon. Where that does not work, for whatever reason, systemctl is asked.

mod private;
mod systemctl;
mod wire;

use std::collections::HashMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::outcome::{Limit, Problem};

/// The properties that are asked for, and where they are. Those that a type of unit does not have are missing.
const PROPERTIES: [(&str, Owner); 15] = [
    ("Id", Owner::Unit),
    ("LoadState", Owner::Unit),
    ("ActiveState", Owner::Unit),
    ("SubState", Owner::Unit),
    ("Job", Owner::Unit),
    ("ConditionResult", Owner::Unit),
    ("ConditionTimestampMonotonic", Owner::Unit),
    ("ActiveEnterTimestampMonotonic", Owner::Unit),
    ("InactiveEnterTimestampMonotonic", Owner::Unit),
    ("Result", Owner::Type),
    ("Type", Owner::Service),
    ("RemainAfterExit", Owner::Service),
    ("NRestarts", Owner::Service),
    ("ExecMainCode", Owner::Service),
    ("ExecMainStatus", Owner::Service),
];

/// The D-Bus interface that has a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Of all units.
    Unit,
    /// Of the unit's type.
    Type,
    /// Of services only.
    Service,
}

/// The answer about one unit.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Properties(HashMap<String, String>);

impl Properties {
    /// The value, empty if the unit has no such property.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The value as a number, if it has one.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// How long ago a time was that systemd gives in microseconds of the monotonic clock.
    pub fn since(&self, name: &str) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32);
        now.saturating_sub(Duration::from_micros(self.number(name).unwrap_or(0)))
    }
}

/// PID 1 itself gets half of the time: if it does not answer, systemctl finds out as well, or knows another way.
fn halves<T>(
    limit: Limit,
    private: impl FnOnce(Duration) -> io::Result<T>,
    systemctl: impl FnOnce(Limit) -> Result<T, Problem>,
) -> Result<T, Problem> {
    private(limit.left() / 2).or_else(|_| systemctl(limit))
}

/// Asks for units by name, or by a pattern that stands for what `systemctl list-units` shows.
/// Every name gets an answer, also if there is no such unit.
pub fn show(units: &[&str], limit: Limit) -> Result<Vec<Properties>, Problem> {
    halves(
        limit,
        |limit| private::show(units, limit),
        |limit| systemctl::show(units, limit),
    )
}

/// The names of the failed units.
pub fn failed(limit: Limit) -> Result<Vec<String>, Problem> {
    halves(limit, private::failed, systemctl::failed)
}

/// What changes at about the same time is seen in one look: during a boot something changes all the time.
const COALESCE: Duration = Duration::from_millis(200);

/// Lets time pass, less if systemd says before that something has changed.
pub fn wait_for_change(time: Duration) {
    let start = Instant::now();
    let waited = private::wait_for_change(time.saturating_sub(COALESCE));
    thread::sleep(match waited {
        Ok(()) => COALESCE.min(time),
        Err(_) => time.saturating_sub(start.elapsed()),
    });
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Properties from `A=1 B=2`.
    pub fn properties(text: &str) -> Properties {
        systemctl::parse(&text.replace(' ', "\n"))
            .pop()
            .unwrap_or_default()
    }

    #[test]
    fn ages_are_counted_from_the_monotonic_clock() {
        let unit = properties("A=1 B=99999999999999999");
        assert!(unit.since("A") > Duration::from_secs(1));
        assert_eq!(unit.since("B"), Duration::ZERO);
    }
}
