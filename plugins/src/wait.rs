//! The common loop: look, wait, look again, until it is as expected or the time is up.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::{Look, Probe, Problem};
use crate::span::Span;

/// Between the first two looks; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … up to this: a service that takes a minute to start is seen within a second, for little CPU.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the only look of `--timeout 0` may take.
const SINGLE_LOOK: Duration = Duration::from_secs(5);
/// Most probes keep their limit themselves; what hangs all the same (a dead network file system) is left behind.
const GRACE: Duration = Duration::from_secs(1);

/// Looks until it is as expected, waiting is of no use, or `timeout` has passed. Zero looks once.
pub fn wait(probe: Box<dyn Probe>, timeout: Duration) -> Look {
    let limit = if timeout.is_zero() {
        SINGLE_LOOK
    } else {
        timeout
    };
    if probe.keeps_limit() {
        return looks(probe.as_ref(), timeout, limit);
    }
    let (sender, receiver) = mpsc::channel();
    let worker = thread::Builder::new().spawn(move || {
        // Nobody listens any more if the grace is over, too: then this process is about to end.
        let _ = sender.send(looks(probe.as_ref(), timeout, limit));
    });
    if let Err(error) = worker {
        return Err(Problem::last(format!("no thread to look with: {error}")));
    }
    match receiver.recv_timeout(limit + GRACE) {
        Ok(look) => look,
        Err(RecvTimeoutError::Timeout) => {
            Err(Problem::last(format!("no answer within {}", Span(limit))))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(Problem::last("this probe broke down: see the line above"))
        }
    }
}

fn looks(probe: &dyn Probe, timeout: Duration, limit: Duration) -> Look {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut before = None;
    loop {
        let look = Instant::now();
        let (found, again_in) = match probe.look(limit.saturating_sub(start.elapsed())) {
            Err(Problem::NotYet { found, again_in }) => (found, again_in),
            settled => return settled,
        };
        // Time for the last look: one cut short would only find that it was cut short.
        let last_look = FIRST_PAUSE.max(look.elapsed() * 2);
        let left = timeout.saturating_sub(start.elapsed());
        if left <= last_look {
            let waited = match timeout.is_zero() {
                true => String::new(),
                false => format!(" (waited {})", Span(timeout)),
            };
            // A look that used up the time found only that: what the one before found says more.
            let cut_short = start.elapsed() >= limit;
            let found = before.filter(|_| cut_short).unwrap_or(found);
            return Err(Problem::last(found + &waited));
        }
        before = Some(found);
        probe.pause(again_in.unwrap_or(pause).min(left - last_look));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Counting(Arc<AtomicU32>, fn(u32) -> Look);

    impl Probe for Counting {
        fn expected(&self) -> String {
            "patience".into()
        }

        fn look(&self, _limit: Duration) -> Look {
            self.1(self.0.fetch_add(1, Ordering::SeqCst) + 1)
        }
    }

    fn run(timeout: Duration, look: fn(u32) -> Look) -> (Look, u32) {
        let count = Arc::new(AtomicU32::new(0));
        let look = wait(Box::new(Counting(count.clone(), look)), timeout);
        (look, count.load(Ordering::SeqCst))
    }

    #[test]
    fn zero_looks_once() {
        let (look, count) = run(Duration::ZERO, |_| Err(Problem::not_yet("nothing")));
        assert_eq!((look, count), (Err(Problem::last("nothing")), 1));
    }

    #[test]
    fn looks_again_until_it_is_as_expected() {
        let (look, count) = run(Duration::from_secs(9), |n| match n {
            3 => Ok("it".into()),
            _ => Err(Problem::not_yet("nothing")),
        });
        assert_eq!((look, count), (Ok("it".into()), 3));
    }

    #[test]
    fn a_final_problem_ends_the_waiting() {
        let (look, count) = run(Duration::from_secs(9), |_| Err(Problem::last("gone")));
        assert_eq!((look, count), (Err(Problem::last("gone")), 1));
    }

    #[test]
    fn a_look_that_is_cut_short_does_not_hide_the_one_before() {
        let (look, count) = run(Duration::from_millis(300), |n| {
            if n > 1 {
                thread::sleep(Duration::from_millis(350));
            }
            Err(Problem::not_yet(
                ["cut short", "nothing"][usize::from(n == 1)],
            ))
        });
        assert_eq!(
            (look, count),
            (Err(Problem::last("nothing (waited 300ms)")), 2)
        );
    }

    #[test]
    fn the_time_is_kept_and_told() {
        let start = Instant::now();
        let (look, count) = run(Duration::from_millis(300), |_| {
            Err(Problem::again_in("nothing", Duration::from_secs(60)))
        });
        assert_eq!(look, Err(Problem::last("nothing (waited 300ms)")));
        assert!(count >= 2 && start.elapsed() >= Duration::from_millis(200));
    }
}
