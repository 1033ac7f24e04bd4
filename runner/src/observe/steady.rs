//! Whether a running service stays so: one that crashes and is started again is active between two crashes. Pure.

use crate::facts::CheckResult;

/// A service that has been running for so long passes: seconds, because a boot is waiting for it, and more than
/// most services need to find out that they cannot work.
const STEADY_USEC: u64 = 5_000_000;
/// A service may be started again while what it needs is not there yet; so often is a crash loop.
const CRASH_LOOP: u32 = 3;

/// A service with a running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Since it became active.
    pub for_usec: u64,
    /// How often systemd started it again by itself.
    pub restarts: u32,
}

/// What speaks against a service that is active at the moment.
pub fn objection(running: Running) -> Option<(CheckResult, String)> {
    if running.for_usec >= STEADY_USEC {
        None
    } else if running.restarts >= CRASH_LOOP {
        let message = format!(
            "is crash-looping: systemd started it again {} times",
            running.restarts
        );
        Some((CheckResult::Failed, message))
    } else {
        let message = format!("has not been running for {} s yet", STEADY_USEC / 1_000_000);
        Some((CheckResult::Pending, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_passes_once_it_stays_up_and_fails_once_it_crashed_too_often() {
        let result = |for_usec, restarts| {
            objection(Running { for_usec, restarts }).map(|(result, _)| result)
        };
        assert_eq!(result(STEADY_USEC, 0), None);
        assert_eq!(result(STEADY_USEC - 1, 0), Some(CheckResult::Pending));
        assert_eq!(result(0, CRASH_LOOP - 1), Some(CheckResult::Pending));
        assert_eq!(result(0, CRASH_LOOP), Some(CheckResult::Failed));
        // It had its troubles, and is over them.
        assert_eq!(result(STEADY_USEC, CRASH_LOOP), None);
    }
}
