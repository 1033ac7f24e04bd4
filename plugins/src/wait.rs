//! The common loop: look, wait, look again, until it is as expected or the time is up.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::span::{self, Span};
use crate::text::reason;

/// The option that every probe has.
#[derive(Debug, Args)]
pub struct Patience {
    /// Keep looking for so long: '5s', '1min 30s', '500ms' (systemd.time(7)); 0 looks once
    #[arg(long, global = true, display_order = 900, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    pub timeout: Duration,
}

/// Between the first two looks; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … up to this: a service that takes a minute to start is seen within a second, for little CPU.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the only look of `--timeout 0` may take.
const SINGLE_LOOK: Duration = Duration::from_secs(5);
/// Most probes keep their limit themselves; what hangs all the same (a dead network file system) is left behind.
const GRACE: Duration = Duration::from_secs(1);

/// What the thread that looks has to say.
enum Told {
    /// What the last look found; another one follows.
    SoFar(String),
    /// The answer.
    Settled(Look),
}

/// Looks until it is as expected, waiting is of no use, or `timeout` has passed. Zero looks once.
pub fn wait(probe: Box<dyn Probe>, timeout: Duration) -> Look {
    let limit = if timeout.is_zero() {
        SINGLE_LOOK
    } else {
        timeout
    };
    if probe.keeps_limit() {
        return looks(probe.as_ref(), timeout, limit, |_| {});
    }
    let end = Instant::now() + limit + GRACE;
    let (sender, receiver) = mpsc::channel();
    let worker = thread::Builder::new().spawn(move || {
        // Nobody listens any more if the grace is over, too: then this process is about to end.
        let tell = |told| drop(sender.send(told));
        let look = looks(probe.as_ref(), timeout, limit, |found| {
            tell(Told::SoFar(found.to_owned()));
        });
        tell(Told::Settled(look));
    });
    if let Err(error) = worker {
        let error = reason(&error);
        return Err(Problem::last(format!("no thread to look with: {error}")));
    }
    let mut before = String::new();
    loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Told::SoFar(found)) => before = found + ", then ",
            Ok(Told::Settled(look)) => return look,
            Err(RecvTimeoutError::Timeout) => {
                let limit = Span(limit);
                return Err(Problem::last(format!("{before}no answer within {limit}")));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Problem::last("this probe broke down: see the line above"));
            }
        }
    }
}

fn looks(probe: &dyn Probe, timeout: Duration, limit: Duration, so_far: impl Fn(&str)) -> Look {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut before = None;
    loop {
        let look = Instant::now();
        let (found, again_in) =
            match probe.look(Limit::after(limit.saturating_sub(start.elapsed()))) {
                Err(Problem::NotYet { found, again_in }) => (found, again_in),
                settled => return settled,
            };
        let took = look.elapsed();
        let left = timeout.saturating_sub(start.elapsed());
        if left <= FIRST_PAUSE {
            let waited = match timeout.is_zero() {
                true => String::new(),
                false => format!(" (waited {})", Span(start.elapsed())),
            };
            // A look that used up the time found only that: what the one before found says more.
            let cut_short = start.elapsed() >= limit;
            let found = before.filter(|_| cut_short).unwrap_or(found);
            return Err(Problem::last(found + &waited));
        }
        so_far(&found);
        before = Some(found);
        // The last look should not be cut short for a pause. A first answer may be slow and the next one quick, so
        // that a look that took long is no reason not to look again.
        let last_look = FIRST_PAUSE.max(took * 2);
        let rest = left.saturating_sub(last_look).max(FIRST_PAUSE);
        probe.pause(again_in.unwrap_or(pause).min(rest));
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

        fn look(&self, _limit: Limit) -> Look {
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

    /// The problem, and how long it says it has waited.
    fn waited(look: Look) -> (String, Duration) {
        let Err(Problem::Final(text)) = look else {
            panic!("{look:?}");
        };
        let (found, time) = text.split_once(" (waited ").unwrap();
        let time = crate::span::parse(time.strip_suffix(')').unwrap()).unwrap();
        (found.to_owned(), time)
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
        let (found, time) = waited(look);
        assert_eq!((found.as_str(), count), ("nothing", 2));
        assert!(time >= Duration::from_millis(350), "{time:?}");
    }

    #[test]
    fn a_look_that_hangs_does_not_hide_the_one_before() {
        let start = Instant::now();
        let (look, _) = run(Duration::from_millis(200), |n| {
            if n > 1 {
                thread::sleep(Duration::from_secs(20));
            }
            Err(Problem::not_yet("a bad thing"))
        });
        let text = "a bad thing, then no answer within 200ms";
        assert_eq!(look, Err(Problem::last(text)));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_slow_first_look_is_no_reason_to_give_up() {
        let (look, count) = run(Duration::from_millis(1500), |n| match n {
            1 => {
                thread::sleep(Duration::from_millis(600));
                Err(Problem::not_yet("starting"))
            }
            2 => Err(Problem::not_yet("starting")),
            _ => Ok("it".into()),
        });
        assert_eq!((look, count), (Ok("it".into()), 3));
    }

    #[test]
    fn the_time_is_kept_and_the_real_one_told() {
        let start = Instant::now();
        let (look, count) = run(Duration::from_millis(300), |_| {
            Err(Problem::again_in("nothing", Duration::from_secs(60)))
        });
        let (found, time) = waited(look);
        assert_eq!(found, "nothing");
        assert!(time <= start.elapsed() && time >= Duration::from_millis(200));
        // Once at the start, and in the last moments; not again and again.
        assert!((2..=4).contains(&count), "{count}");
    }
}
