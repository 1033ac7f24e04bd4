//! Dying or standing still at a named step, for the tests of scenario "runner killed": only with feature `fail-points`.

use std::time::Duration;

/// A time limit in seconds; tests of what hangs do not wait as long.
pub const fn limit(seconds: u64, in_tests: u64) -> Duration {
    Duration::from_secs(if cfg!(feature = "fail-points") {
        in_tests
    } else {
        seconds
    })
}

/// Where a test says what is to happen, as a line `STEP kill`, `STEP hold` or `STEP pause`.
#[cfg(feature = "fail-points")]
const WANTED: &str = "/run/health-checker-fail-point";
/// Appears when it happens; a pause ends when the test removes it.
#[cfg(feature = "fail-points")]
const REACHED: &str = "/run/health-checker-fail-point.reached";

/// At the step that the test wants: `kill` ends this process as SIGKILL does, `hold` stands still until the power is
/// cut. Once: whoever takes over goes further than we did.
#[cfg(feature = "fail-points")]
pub fn reached(step: &str) {
    let text = std::fs::read_to_string(WANTED).unwrap_or_default();
    let Some((_, what)) = text.split_once(' ').filter(|(wanted, _)| *wanted == step) else {
        return;
    };
    let _ = std::fs::rename(WANTED, REACHED);
    match what.trim() {
        "hold" => loop {
            std::thread::park();
        },
        "pause" => {
            while std::path::Path::new(REACHED).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            return;
        }
        _ => {}
    }
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// Nothing in a release.
#[cfg(not(feature = "fail-points"))]
pub fn reached(_step: &str) {}
