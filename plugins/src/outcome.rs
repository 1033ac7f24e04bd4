//! What one look at the machine found, and whether another look may find something better.

use std::thread;
use std::time::{Duration, Instant};

/// What was found, if it is as expected; otherwise the problem.
pub type Look = Result<String, Problem>;

/// Why a look did not find what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not as expected, but waiting may help.
    NotYet {
        /// What was found instead.
        found: String,
        /// When to look again, if the probe knows better than the common intervals.
        again_in: Option<Duration>,
    },
    /// Not as expected, and waiting does not help.
    Final(String),
    /// The question makes no sense here: what is wrong, and the right form.
    Usage(String),
}

impl Problem {
    /// Not as expected, but waiting may help.
    pub fn not_yet(found: impl Into<String>) -> Problem {
        Problem::NotYet {
            found: found.into(),
            again_in: None,
        }
    }

    /// Not as expected; in so much time it will have turned out.
    pub fn again_in(found: impl Into<String>, time: Duration) -> Problem {
        Problem::NotYet {
            found: found.into(),
            again_in: Some(time),
        }
    }

    /// Not as expected, and waiting does not help.
    pub fn last(found: impl Into<String>) -> Problem {
        Problem::Final(found.into())
    }
}

/// How long a look may take: one end for all that it does, however many steps that are.
#[derive(Debug, Clone, Copy)]
pub struct Limit(Instant);

impl Limit {
    /// From now on so long.
    pub fn after(time: Duration) -> Limit {
        Limit(Instant::now() + time)
    }

    /// What is left of it.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// One kind of check: what it expects, and how to look.
pub trait Probe: Send {
    /// What is expected, to be read after "expected".
    fn expected(&self) -> String;

    /// Looks once, until `limit` at most. The answer is to be read after "found".
    fn look(&self, limit: Limit) -> Look;

    /// Whether a look never takes longer than its limit, whatever hangs. Otherwise it gets a thread of its own, which
    /// can be left behind: that costs a tenth of what a simple probe takes.
    fn keeps_limit(&self) -> bool {
        false
    }

    /// Lets time pass before another look; less if something happens that makes it worth one.
    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }

    /// Refuses options that do not go together, before the first look.
    fn refuse(&self, _timeout: Duration) -> Option<String> {
        None
    }
}
