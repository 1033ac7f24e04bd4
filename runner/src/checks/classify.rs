//! From the properties of a unit to the result of a check (FACTS §4 as a table). Pure.

use super::steady::{self, Running};
use crate::model::facts::CheckResult;

/// The text for a unit that has no result because it was never started.
const NEVER_STARTED: &str =
    "was never started: a unit that it requires failed, or its start was cancelled";

/// What systemd knows of a unit, as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFacts {
    /// LoadState.
    pub load: String,
    /// ActiveState.
    pub active: String,
    /// SubState.
    pub sub: String,
    /// Whether a job is queued or running.
    pub has_job: bool,
    /// Result of a service.
    pub result: String,
    /// The main process of a service.
    pub process: Option<Process>,
    /// TimeoutStartUSec of a service.
    pub limit_usec: u64,
    /// Whether its conditions were ever looked at.
    pub tried: bool,
    /// ConditionResult.
    pub condition: bool,
    /// The condition that is not met.
    pub unmet: Option<String>,
    /// AssertResult.
    pub assertion: bool,
    /// Whether it was ever started.
    pub was_active: bool,
    /// A service with a running process.
    pub running: Option<Running>,
}

/// The main process of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Process {
    /// 1: exited, 2: killed, 3: killed with a core dump (CLD_EXITED …); 0: none ran.
    pub code: i32,
    /// Exit status or signal.
    pub status: i32,
    /// Monotonic clock, microseconds; 0: not started.
    pub started_usec: u64,
    /// Monotonic clock, microseconds; 0: not exited.
    pub exited_usec: u64,
}

impl Process {
    /// Exit status, if it exited.
    pub fn exit_status(self) -> Option<i32> {
        (self.code == 1).then_some(self.status)
    }

    /// How long it ran.
    pub fn duration_usec(self) -> Option<u64> {
        (self.started_usec > 0).then(|| self.exited_usec.checked_sub(self.started_usec))?
    }
}

impl UnitFacts {
    /// Whether its start job was dropped or failed, or there was none.
    pub fn was_never_started(&self) -> bool {
        self.load == "loaded" && self.active == "inactive" && !self.has_job && !self.was_active
    }

    /// A unit that does not exist.
    pub fn not_found() -> Self {
        Self {
            load: "not-found".to_owned(),
            active: "inactive".to_owned(),
            sub: "dead".to_owned(),
            has_job: false,
            result: String::new(),
            process: None,
            limit_usec: 0,
            tried: false,
            condition: false,
            unmet: None,
            assertion: false,
            was_active: false,
            running: None,
        }
    }

    /// A unit that an administrator switched off.
    pub fn masked() -> Self {
        Self {
            load: "masked".to_owned(),
            ..Self::not_found()
        }
    }
}

/// The result of a check, and why.
pub fn classify(facts: &UnitFacts) -> (CheckResult, String) {
    use CheckResult::{Error, Failed, Passed, Pending, Skipped};
    let (result, message) = match (facts.load.as_str(), facts.active.as_str()) {
        ("masked", _) => (Skipped, "is masked".to_owned()),
        ("not-found", _) => (Error, "the unit does not exist".to_owned()),
        ("bad-setting" | "error", _) => (
            Error,
            "the unit file is not valid: see 'systemctl status' of it".to_owned(),
        ),
        (_, "active") => {
            let objection = facts.running.and_then(steady::objection);
            objection.unwrap_or((Passed, String::new()))
        }
        (_, "failed") => failed(facts),
        (_, "activating") if facts.sub == "auto-restart" => (
            Failed,
            "is crash-looping: systemd starts it again and again".to_owned(),
        ),
        (_, "inactive") if !facts.has_job => inactive(facts),
        (_, _) => (Pending, "has no result yet".to_owned()),
    };
    (result, message)
}

fn inactive(facts: &UnitFacts) -> (CheckResult, String) {
    use CheckResult::{Error, Failed, Passed, Skipped};
    if facts.result == "exec-condition" {
        (
            Skipped,
            "does not apply here: its ExecCondition= says so".to_owned(),
        )
    } else if facts.tried && !facts.condition {
        let unmet = facts.unmet.as_deref().unwrap_or("a condition of its unit");
        (
            Skipped,
            format!("does not apply here: '{unmet}' is not met"),
        )
    } else if facts.tried && !facts.assertion {
        (Failed, "an assertion of its unit is not met".to_owned())
    } else if facts.was_never_started() {
        (Error, NEVER_STARTED.to_owned())
    } else if facts
        .process
        .is_some_and(|process| process.exit_status() == Some(0))
    {
        // A oneshot without RemainAfterExit= that was successful.
        (Passed, String::new())
    } else {
        (Failed, "is not active".to_owned())
    }
}

fn failed(facts: &UnitFacts) -> (CheckResult, String) {
    let process = facts.process.unwrap_or_default();
    match facts.result.as_str() {
        "timeout" => (
            CheckResult::Timeout,
            format!(
                "did not finish within {} and was killed",
                seconds(facts.limit_usec)
            ),
        ),
        "exit-code" => exit_code(process),
        "signal" | "core-dump" => (
            CheckResult::Failed,
            format!("was killed by signal {}", process.status),
        ),
        "oom-kill" => (
            CheckResult::Failed,
            "was killed because memory ran out".to_owned(),
        ),
        "resources" => (
            CheckResult::Error,
            "could not be started: see 'systemctl status' of it".to_owned(),
        ),
        "" => (CheckResult::Failed, "failed".to_owned()),
        other => (CheckResult::Failed, format!("failed: {other}")),
    }
}

/// systemd.exec(5), "Process Exit Codes": 200 and above are systemd's own, up to 243.
fn exit_code(process: Process) -> (CheckResult, String) {
    match (process.code, process.status) {
        (1, 203) => (
            CheckResult::Error,
            "could not be executed (203/EXEC): missing, empty, or not a program for this machine"
                .to_owned(),
        ),
        (1, 217) => (
            CheckResult::Error,
            "its User= does not exist (217/USER)".to_owned(),
        ),
        (1, status @ 200..=243) => (
            CheckResult::Error,
            format!("could not be set up by systemd (exit status {status}, see systemd.exec(5))"),
        ),
        (1, status) => (CheckResult::Failed, format!("exited with status {status}")),
        (_, _) => (
            CheckResult::Failed,
            "a command before its main one failed".to_owned(),
        ),
    }
}

fn seconds(usec: u64) -> String {
    match usec {
        0 | u64::MAX => "its time limit".to_owned(),
        usec => format!("{} s", usec / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(active: &str, result: &str, code: i32, status: i32) -> UnitFacts {
        UnitFacts {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: String::new(),
            result: result.to_owned(),
            process: Some(Process {
                code,
                status,
                started_usec: 5,
                exited_usec: 25,
            }),
            limit_usec: 90_000_000,
            tried: true,
            condition: true,
            assertion: true,
            was_active: true,
            ..UnitFacts::not_found()
        }
    }

    /// FACTS §4, row by row.
    #[test]
    fn every_row_of_the_table_of_outcomes() {
        use CheckResult::{Error, Failed, Passed, Pending, Skipped, Timeout};
        let never = UnitFacts {
            tried: false,
            condition: false,
            unmet: None,
            assertion: false,
            was_active: false,
            ..service("inactive", "success", 0, 0)
        };
        let rows = [
            (service("active", "", 1, 0), Passed, ""),
            (service("active", "", 1, 7), Passed, ""),
            (
                UnitFacts {
                    running: Some(Running {
                        stable_usec: 5_000_000,
                        for_usec: 0,
                        restarts: 9,
                    }),
                    ..service("active", "", 0, 0)
                },
                Failed,
                "crash-looping",
            ),
            (service("failed", "exit-code", 1, 7), Failed, "status 7"),
            (service("failed", "signal", 2, 9), Failed, "signal 9"),
            (service("failed", "core-dump", 3, 11), Failed, "signal 11"),
            (service("failed", "timeout", 2, 15), Timeout, "within 90 s"),
            (service("failed", "timeout", 2, 9), Timeout, "within 90 s"),
            (service("failed", "exit-code", 1, 203), Error, "203/EXEC"),
            (service("failed", "exit-code", 1, 217), Error, "217/USER"),
            (service("failed", "exit-code", 1, 226), Error, "226"),
            (
                service("failed", "exit-code", 0, 0),
                Failed,
                "before its main one",
            ),
            (
                UnitFacts {
                    condition: false,
                    ..service("inactive", "success", 0, 0)
                },
                Skipped,
                "condition",
            ),
            (
                service("inactive", "exec-condition", 0, 0),
                Skipped,
                "ExecCondition",
            ),
            (
                UnitFacts {
                    assertion: false,
                    ..service("inactive", "success", 0, 0)
                },
                Failed,
                "assertion",
            ),
            (never.clone(), Error, "never started"),
            (
                UnitFacts {
                    has_job: true,
                    ..never
                },
                Pending,
                "no result",
            ),
            (service("inactive", "success", 1, 0), Passed, ""),
            (
                UnitFacts {
                    process: None,
                    ..service("inactive", "success", 0, 0)
                },
                Failed,
                "not active",
            ),
            (
                UnitFacts {
                    sub: "auto-restart".to_owned(),
                    ..service("activating", "exit-code", 1, 1)
                },
                Failed,
                "crash-looping",
            ),
            (service("activating", "success", 0, 0), Pending, "no result"),
            (
                service("deactivating", "success", 0, 0),
                Pending,
                "no result",
            ),
            (UnitFacts::not_found(), Error, "does not exist"),
            (UnitFacts::masked(), Skipped, "masked"),
            (
                UnitFacts {
                    load: "bad-setting".to_owned(),
                    ..UnitFacts::not_found()
                },
                Error,
                "not valid",
            ),
        ];
        for (facts, result, text) in rows {
            let (got, message) = classify(&facts);
            assert_eq!(got, result, "{facts:?}");
            assert!(message.contains(text), "{message}");
        }
    }

    #[test]
    fn only_a_process_that_exited_has_an_exit_status() {
        assert_eq!(
            Process {
                code: 1,
                status: 7,
                ..Process::default()
            }
            .exit_status(),
            Some(7)
        );
        assert_eq!(
            Process {
                code: 2,
                status: 9,
                ..Process::default()
            }
            .exit_status(),
            None
        );
        assert_eq!(
            Process {
                started_usec: 5,
                exited_usec: 25,
                ..Process::default()
            }
            .duration_usec(),
            Some(20)
        );
        assert_eq!(
            Process {
                started_usec: 25,
                exited_usec: 5,
                ..Process::default()
            }
            .duration_usec(),
            None
        );
        assert_eq!(Process::default().duration_usec(), None);
    }
}
