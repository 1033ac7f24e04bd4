//! What systemd says of health-checker.service, asked over its private socket, which works without D-Bus.

use std::time::Duration;

use crate::model::units::RUNNER;
use crate::sys::{command, lease};

/// systemd answers in milliseconds; one that does not must not stop the fail-safe.
const LIMIT: Duration = Duration::from_secs(30);

/// How it is with the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerUnit {
    /// Masked, or nothing brings it in: no verdict is to be expected, because nobody wants one.
    Off,
    /// A condition of it is not met: somebody wants no verdict on this boot.
    Skipped,
    /// It runs, or has a job.
    Working,
    /// It never ran in this boot, and nothing is on the way.
    Never,
    /// It ended, or systemd does not answer.
    Ended,
}

impl RunnerUnit {
    /// Asks.
    pub fn ask() -> Self {
        let properties = "--property=LoadState,ActiveState,WantedBy,RequiredBy,Job,Result,ConditionResult,\
            ConditionTimestampMonotonic,ExecMainStartTimestampMonotonic";
        let argv = ["systemctl", "show", properties, RUNNER];
        let answer = command::run(&argv, LIMIT, &lease::renew);
        parse(&answer.map(|ended| ended.output).unwrap_or_default())
    }

    /// Ends it, so that it does not act while somebody else does.
    pub fn kill() {
        let argv = ["systemctl", "kill", "--signal=SIGKILL", RUNNER];
        match command::run(&argv, LIMIT, &lease::renew) {
            Ok(ended) if ended.success() => {}
            Ok(ended) => log::warn!("'{}': {ended}", argv.join(" ")),
            Err(error) => log::warn!("{error:#}"),
        }
    }

    /// Starts it, without waiting for it. Whether systemd takes the job.
    pub fn start() -> bool {
        let argv = ["systemctl", "--no-block", "start", RUNNER];
        command::run(&argv, LIMIT, &lease::renew).is_ok_and(|ended| ended.success())
    }
}

fn parse(text: &str) -> RunnerUnit {
    let property = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    };
    let is_wanted = !property("WantedBy").is_empty() || !property("RequiredBy").is_empty();
    let is_zero = |name: &str| property(name) == "0";
    let is_skipped = property("Result") == "exec-condition"
        || property("ConditionResult") == "no" && !is_zero("ConditionTimestampMonotonic");
    match (property("LoadState"), property("ActiveState")) {
        ("masked", _) => RunnerUnit::Off,
        (_, "activating" | "deactivating" | "reloading") => RunnerUnit::Working,
        ("loaded", "inactive") if is_skipped => RunnerUnit::Skipped,
        _ if !matches!(property("Job"), "" | "0") => RunnerUnit::Working,
        ("loaded", "inactive") if !is_wanted => RunnerUnit::Off,
        ("loaded", "inactive") if is_zero("ExecMainStartTimestampMonotonic") => RunnerUnit::Never,
        _ => RunnerUnit::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows() {
        let wanted = "WantedBy=multi-user.target\nRequiredBy=boot-complete.target\n";
        let table = [
            (
                "LoadState=masked\nActiveState=inactive\n",
                "",
                RunnerUnit::Off,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nWantedBy=\nRequiredBy=\n",
                "",
                RunnerUnit::Off,
            ),
            (
                "LoadState=loaded\nActiveState=activating\n",
                wanted,
                RunnerUnit::Working,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nJob=17\n",
                wanted,
                RunnerUnit::Working,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nExecMainStartTimestampMonotonic=0\n\
                 ConditionResult=no\nConditionTimestampMonotonic=0\n",
                wanted,
                RunnerUnit::Never,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nExecMainStartTimestampMonotonic=0\n\
                 ConditionResult=no\nConditionTimestampMonotonic=5\n",
                wanted,
                RunnerUnit::Skipped,
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nExecMainStartTimestampMonotonic=0\n\
                 Result=exec-condition\nConditionResult=yes\nConditionTimestampMonotonic=5\n",
                wanted,
                RunnerUnit::Skipped,
            ),
            (
                "LoadState=loaded\nActiveState=failed\nExecMainStartTimestampMonotonic=7\n",
                wanted,
                RunnerUnit::Ended,
            ),
            (
                "LoadState=not-found\nActiveState=inactive\n",
                "",
                RunnerUnit::Ended,
            ),
            ("", "", RunnerUnit::Ended),
        ];
        for (text, more, expected) in table {
            assert_eq!(parse(&format!("{text}{more}")), expected, "{text}");
        }
    }
}
