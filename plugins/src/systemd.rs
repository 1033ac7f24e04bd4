//! What systemd says about units, asked through systemctl.
//!
//! systemctl reaches PID 1 over its private socket: this works without a D-Bus daemon, too.

use std::collections::HashMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::outcome::Problem;
use crate::program;

/// The properties that are asked for. Those that a type of unit does not have are missing in the answer.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,Result,Job,Type,RemainAfterExit,NRestarts,\
    ExecMainCode,ExecMainStatus,ConditionResult,ConditionTimestampMonotonic,\
    ActiveEnterTimestampMonotonic,InactiveEnterTimestampMonotonic";

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

/// Asks for units by name. Every name gets an answer, also if there is no such unit.
pub fn show(units: &[&str], limit: Duration) -> Result<Vec<Properties>, Problem> {
    let mut arguments = vec!["show", PROPERTIES, "--"];
    arguments.extend_from_slice(units);
    Ok(parse(&systemctl(&arguments, limit)?))
}

/// The names of the failed units.
pub fn failed(limit: Duration) -> Result<Vec<String>, Problem> {
    let text = systemctl(
        &[
            "list-units",
            "--state=failed",
            "--plain",
            "--no-legend",
            "--full",
        ],
        limit,
    )?;
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(names.map(String::from).collect())
}

fn systemctl(arguments: &[&str], limit: Duration) -> Result<String, Problem> {
    let ran = program::run("systemctl", arguments, limit)?;
    match ran.status.success() {
        true => Ok(ran.stdout),
        false => Err(Problem::not_yet(format!(
            "'systemctl' with {}, saying {}",
            ran.ending(),
            ran.said()
        ))),
    }
}

/// Units are separated by an empty line.
fn parse(text: &str) -> Vec<Properties> {
    text.split("\n\n")
        .map(|block| {
            let pairs = block.lines().filter_map(|line| line.split_once('='));
            Properties(
                pairs
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
            )
        })
        .filter(|properties: &Properties| !properties.0.is_empty())
        .collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Properties from `A=1 B=2`.
    pub fn properties(text: &str) -> Properties {
        parse(&text.replace(' ', "\n")).pop().unwrap_or_default()
    }

    #[test]
    fn blocks_are_units() {
        let units = parse("Id=a.service\nNRestarts=3\nResult=\n\nId=b.mount\nno property\n\n\n");
        assert_eq!(units.len(), 2);
        assert_eq!(
            (units[0].get("Id"), units[0].number("NRestarts")),
            ("a.service", Some(3))
        );
        assert_eq!(
            (units[1].get("Id"), units[1].number("NRestarts")),
            ("b.mount", None)
        );
        assert_eq!(parse(""), []);
    }

    #[test]
    fn ages_are_counted_from_the_monotonic_clock() {
        let unit = properties("A=1 B=99999999999999999");
        assert!(unit.since("A") > Duration::from_secs(1));
        assert_eq!(unit.since("B"), Duration::ZERO);
    }
}
