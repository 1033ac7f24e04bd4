//! `health-probe`: ready-made health checks. One look at the machine, as an exit status and one line.

mod cli;
mod listener;
mod mountinfo;
mod outcome;
mod probe;
mod program;
mod resolve;
mod size;
mod socket;
mod span;
mod systemd;
mod text;
mod user;
mod wait;

use std::io::{self, Write};
use std::process::ExitCode;

use cli::Cli;
use outcome::Problem;
use probe::Question;

/// As expected.
const HEALTHY: u8 = 0;
/// Not as expected.
const UNHEALTHY: u8 = 1;
/// Not a question that can be answered; clap uses the same.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let (timeout, question) = Cli::read().split();
    let (status, line) = match question {
        Question::Defect(text) => (UNHEALTHY, text),
        Question::Probe(probe) => {
            let expected = probe.expected();
            let look = match probe.refuse(timeout) {
                Some(reason) => Err(Problem::Usage(reason)),
                None => wait::wait(probe, timeout),
            };
            match look {
                Ok(found) => (HEALTHY, format!("expected {expected}; found {found}")),
                Err(Problem::NotYet { found, .. } | Problem::Final(found)) => {
                    (UNHEALTHY, format!("expected {expected}; found {found}"))
                }
                Err(Problem::Usage(what)) => (
                    USAGE,
                    format!("health-probe: {what} (see 'health-probe --help')"),
                ),
            }
        }
    };
    // Nobody to read it is no reason for another exit status.
    let _ = match status {
        HEALTHY => writeln!(io::stdout(), "{}", text::plain(&line)),
        _ => writeln!(io::stderr(), "{}", text::plain(&line)),
    };
    ExitCode::from(status)
}
