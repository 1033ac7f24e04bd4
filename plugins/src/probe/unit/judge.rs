//! What the state of one unit means.

use std::time::Duration;

use crate::outcome::{Look, Problem};
use crate::span::Span;
use crate::systemd::Properties;

/// What the state of one unit means. The text is to be read after its name.
pub fn judge(unit: &Properties, stable: Duration) -> Look {
    match unit.get("LoadState") {
        "loaded" | "merged" | "stub" => {}
        "not-found" => return Err(Problem::last("does not exist")),
        "masked" => return Err(Problem::last("is masked")),
        other => return Err(Problem::last(format!("cannot be loaded ({other})"))),
    }
    let (active, sub) = (unit.get("ActiveState"), unit.get("SubState"));
    let has_job = unit.number("Job").is_some_and(|job| job > 0);
    match active {
        "active" | "reloading" | "refreshing" => is_stable(unit, stable),
        "activating" if sub.starts_with("auto-restart") => Err(Problem::not_yet(format!(
            "in a crash loop: activating ({sub}), {}{}",
            failure(unit),
            restarts(unit)
        ))),
        "failed" if !has_job => Err(Problem::last(format!(
            "failed: {}{}",
            failure(unit),
            restarts(unit)
        ))),
        "inactive" => inactive(unit, has_job),
        _ => Err(Problem::not_yet(format!(
            "{active} ({sub}){}",
            restarts(unit)
        ))),
    }
}

/// A unit that was activated longer ago than the window has not restarted within it: every restart sets the time anew.
fn is_stable(unit: &Properties, stable: Duration) -> Look {
    let state = format!("{} ({})", unit.get("ActiveState"), unit.get("SubState"));
    let is_service = unit.number("NRestarts").is_some();
    if !is_service || unit.get("Type") == "oneshot" {
        return Ok(state);
    }
    let age = unit.since("ActiveEnterTimestampMonotonic");
    if age < stable {
        return Err(Problem::again_in(
            format!("{state} only for {}{}", Span(age), restarts(unit)),
            stable - age,
        ));
    }
    Ok(format!("{state} for {}", Span(age)))
}

fn inactive(unit: &Properties, has_job: bool) -> Look {
    if has_job {
        return Err(Problem::not_yet("waiting to be started"));
    }
    let result = unit.get("Result");
    let skipped = unit.get("ConditionResult") == "no"
        && unit
            .number("ConditionTimestampMonotonic")
            .is_some_and(|t| t > 0);
    if skipped || result == "exec-condition" {
        return Err(Problem::not_yet(
            "not started: a condition of it is not met",
        ));
    }
    let has_run = unit
        .number("InactiveEnterTimestampMonotonic")
        .is_some_and(|time| time > 0);
    match (unit.get("Type"), unit.get("RemainAfterExit")) {
        ("oneshot", "no") if has_run && result == "success" => Ok("succeeded".into()),
        ("oneshot", "no") if !has_run => Err(Problem::not_yet(
            "not run, or its run is forgotten (a oneshot needs RemainAfterExit=yes, or a unit that refers to it)",
        )),
        _ if has_run => Err(Problem::not_yet("stopped (inactive)")),
        _ => Err(Problem::not_yet("not started (inactive)")),
    }
}

/// Why it failed: "exit-code, status 1".
fn failure(unit: &Properties) -> String {
    /// As waitid(2) has it in `si_code`.
    const EXITED: u64 = 1;
    let result = match unit.get("Result") {
        "" => "no result",
        result => result,
    };
    match (unit.number("ExecMainCode"), unit.number("ExecMainStatus")) {
        (Some(EXITED), Some(status)) => format!("{result}, status {status}"),
        (Some(2..), Some(signal)) => format!("{result}, signal {signal}"),
        _ => result.to_string(),
    }
}

fn restarts(unit: &Properties) -> String {
    match unit.number("NRestarts") {
        None | Some(0) => String::new(),
        Some(1) => ", restarted once".into(),
        Some(count) => format!(", restarted {count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systemd::tests::properties;

    fn look(text: &str) -> Look {
        judge(&properties(text), Duration::from_secs(5))
    }

    #[test]
    fn states_mean_what_they_should() {
        for (text, expected) in [
            (
                "LoadState=not-found ActiveState=inactive",
                Err(Problem::last("does not exist")),
            ),
            (
                "LoadState=masked ActiveState=inactive",
                Err(Problem::last("is masked")),
            ),
            (
                "LoadState=bad-setting",
                Err(Problem::last("cannot be loaded (bad-setting)")),
            ),
            (
                "LoadState=loaded ActiveState=active SubState=mounted",
                Ok("active (mounted)"),
            ),
            (
                "LoadState=loaded ActiveState=active SubState=exited Type=oneshot NRestarts=0",
                Ok("active (exited)"),
            ),
            (
                "LoadState=loaded ActiveState=failed SubState=failed Result=exit-code ExecMainCode=1 ExecMainStatus=3 NRestarts=0",
                Err(Problem::last("failed: exit-code, status 3")),
            ),
            (
                "LoadState=loaded ActiveState=failed Result=start-limit-hit ExecMainCode=2 ExecMainStatus=11 NRestarts=5",
                Err(Problem::last(
                    "failed: start-limit-hit, signal 11, restarted 5 times",
                )),
            ),
            (
                "LoadState=loaded ActiveState=failed SubState=failed Result=exit-code Job=7",
                Err(Problem::not_yet("failed (failed)")),
            ),
            (
                "LoadState=loaded ActiveState=activating SubState=auto-restart Result=exit-code ExecMainCode=1 ExecMainStatus=1 NRestarts=12",
                Err(Problem::not_yet(
                    "in a crash loop: activating (auto-restart), exit-code, status 1, restarted 12 times",
                )),
            ),
            (
                "LoadState=loaded ActiveState=activating SubState=start NRestarts=0",
                Err(Problem::not_yet("activating (start)")),
            ),
            (
                "LoadState=loaded ActiveState=inactive Job=9",
                Err(Problem::not_yet("waiting to be started")),
            ),
            (
                "LoadState=loaded ActiveState=inactive ConditionResult=no ConditionTimestampMonotonic=5",
                Err(Problem::not_yet(
                    "not started: a condition of it is not met",
                )),
            ),
            (
                "LoadState=loaded ActiveState=inactive Type=oneshot RemainAfterExit=no Result=success InactiveEnterTimestampMonotonic=5",
                Ok("succeeded"),
            ),
            (
                "LoadState=loaded ActiveState=inactive Type=oneshot RemainAfterExit=no Result=success InactiveEnterTimestampMonotonic=0",
                Err(Problem::not_yet(
                    "not run, or its run is forgotten (a oneshot needs RemainAfterExit=yes, or a unit that refers to it)",
                )),
            ),
            (
                "LoadState=loaded ActiveState=inactive Type=oneshot RemainAfterExit=yes Result=success InactiveEnterTimestampMonotonic=5",
                Err(Problem::not_yet("stopped (inactive)")),
            ),
            (
                "LoadState=loaded ActiveState=inactive Type=simple ConditionResult=no",
                Err(Problem::not_yet("not started (inactive)")),
            ),
            ("", Err(Problem::last("cannot be loaded ()"))),
        ] {
            assert_eq!(look(text), expected.map(String::from), "{text}");
        }
    }

    #[test]
    fn a_service_is_stable_after_its_window() {
        let running =
            "LoadState=loaded ActiveState=active SubState=running Type=simple NRestarts=1";
        let old = look(&format!("{running} ActiveEnterTimestampMonotonic=1"));
        assert!(old.unwrap().starts_with("active (running) for "));
        let fresh = look(&format!(
            "{running} ActiveEnterTimestampMonotonic=99999999999999999"
        ));
        let found = "active (running) only for 0ms, restarted once";
        assert_eq!(fresh, Err(Problem::again_in(found, Duration::from_secs(5))));
    }
}
