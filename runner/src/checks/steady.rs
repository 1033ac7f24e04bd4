//! Whether a running service stays so: one that crashes and is started again is active between two crashes. Pure.

use crate::model::facts::CheckResult;

/// A service may be started again while what it needs is not there yet; so often is a crash loop.
const CRASH_LOOP: u32 = 3;

/// A service with a running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Since it became active.
    pub for_usec: u64,
    /// So long it must have been running to pass: `StableSec=` of the configuration.
    pub stable_usec: u64,
    /// How often systemd started it again by itself.
    pub restarts: u32,
}

/// What speaks against a service that is active at the moment.
pub fn objection(running: Running) -> Option<(CheckResult, String)> {
    if running.for_usec >= running.stable_usec {
        None
    } else if running.restarts >= CRASH_LOOP {
        let message = format!(
            "is crash-looping: systemd started it again {} times",
            running.restarts
        );
        Some((CheckResult::Failed, message))
    } else {
        let stable = crate::model::text::duration(running.stable_usec);
        let message = format!("has not been running for {stable} yet");
        Some((CheckResult::Pending, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY_USEC: u64 = 5_000_000;

    #[test]
    fn a_service_passes_once_it_stays_up_and_fails_once_it_crashed_too_often() {
        let result = |for_usec, restarts| {
            objection(Running {
                for_usec,
                stable_usec: STEADY_USEC,
                restarts,
            })
            .map(|(result, _)| result)
        };
        assert_eq!(result(STEADY_USEC, 0), None);
        assert_eq!(result(STEADY_USEC - 1, 0), Some(CheckResult::Pending));
        assert_eq!(result(0, CRASH_LOOP - 1), Some(CheckResult::Pending));
        assert_eq!(result(0, CRASH_LOOP), Some(CheckResult::Failed));
        // It had its troubles, and is over them.
        assert_eq!(result(STEADY_USEC, CRASH_LOOP), None);
    }
}
