//! The command line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process;
use std::time::Duration;

use clap::Parser;

use crate::probe::{Command, Question};
use crate::text::plain;
use crate::wait::Patience;

/// Looks whether something on this machine is as it should be, waiting for it if need be.
///
/// Prints one line that says what was expected and what was found: to standard output when healthy,
/// to standard error when not.
#[derive(Debug, Parser)]
#[command(
    name = "health-probe",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 healthy, 1 unhealthy, 2 wrong usage.\n\n\
                  Examples:\n  \
                  health-probe unit nginx.service\n  \
                  health-probe http http://localhost/healthz --timeout 1min\n  \
                  health-probe disk /var --min-free 10% --timeout 0"
)]
pub struct Cli {
    #[command(flatten)]
    patience: Patience,
    /// What to look at.
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The command line of this process; what is wrong with it ends the process.
    pub fn read() -> Cli {
        let words: Vec<OsString> = std::env::args_os().collect();
        Cli::quick(&words)
            .unwrap_or_else(|| Cli::try_parse_from(words).unwrap_or_else(|error| refuse(&error)))
    }

    /// To build all commands and their help costs more than most probes do: an ordinary call gets by with its own.
    /// Whatever is not understood (or asks for help) goes the long way, which knows what to say about it.
    fn quick(words: &[OsString]) -> Option<Cli> {
        let (patience, command) = Command::alone(words.get(1..)?)?;
        Some(Cli { patience, command })
    }

    /// How long to keep looking, and at what.
    pub fn split(self) -> (Duration, Question) {
        (self.patience.timeout, self.command.question())
    }
}

/// Gives the help that was asked for, or says what is wrong, and ends the process.
fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    // It repeats what was written, which may have anything in it.
    for line in error.render().to_string().lines() {
        let _ = writeln!(io::stderr(), "{}", plain(line));
    }
    process::exit(error.exit_code());
}

#[cfg(test)]
mod tests;
