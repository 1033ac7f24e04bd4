//! What keeps a generator from harming the boot: a time limit, and an end without a signal.
//!
//! A generator that dies by a signal makes PID 1 stop the other ones too; one that hangs makes
//! systemd 257 give up the boot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::kmsg::{Level, Log};
use health_checks::name;

/// In seconds: systemd gives all generators together 90, and a healthy run takes milliseconds.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Watches over one run.
pub(crate) struct Guard {
    looking_at: Arc<Mutex<PathBuf>>,
}

impl Guard {
    /// Starts the clock: when the time is over, the process ends, and tells what it was looking at.
    pub(crate) fn start(log: Arc<Log>) -> Self {
        let looking_at = Arc::new(Mutex::new(PathBuf::new()));
        let seen = Arc::clone(&looking_at);
        let hook_log = Arc::clone(&log);
        std::panic::set_hook(Box::new(move |info| {
            hook_log.say(
                Level::Error,
                &format!("this is a bug, please report it: {info}"),
            );
        }));
        let watch_log = Arc::clone(&log);
        let watch = std::thread::Builder::new().spawn(move || {
            std::thread::sleep(TIME_LIMIT);
            let path = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let text = format!(
                "gave up after {} s at '{}', which does not answer: it and what comes after it has \
                 no unit yet; health-check-settle.service tries again",
                TIME_LIMIT.as_secs(),
                name::readable(path.as_os_str())
            );
            watch_log.say(Level::Error, &text);
            // What was written counts; a failure code would say nothing more.
            std::process::exit(0);
        });
        if let Err(error) = watch {
            log.say(
                Level::Warning,
                &format!("running without a time limit: {error}"),
            );
        }
        Self { looking_at }
    }

    /// Remembers what might hang next.
    pub(crate) fn looks_at(&self, path: &Path) {
        path.clone_into(
            &mut self
                .looking_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Runs `work`; a panic in it, already logged by the hook, becomes an ordinary failure.
    pub(crate) fn run(&self, work: impl FnOnce() -> ExitCode) -> ExitCode {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or(ExitCode::FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure() {
        let guard = Guard {
            looking_at: Arc::default(),
        };
        assert_eq!(guard.run(|| ExitCode::SUCCESS), ExitCode::SUCCESS);
        assert_eq!(guard.run(|| panic!("on purpose")), ExitCode::FAILURE);
    }
}
