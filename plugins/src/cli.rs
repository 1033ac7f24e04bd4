//! The command line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::outcome::Probe;
use crate::probe::{
    Clock, CommandOutput, Container, Defect, Disk, Dns, Dpkg, FailedUnits, File, Http, Mount,
    Process, Rpmdb, Tcp, Unit, Watchdog, Writable,
};
use crate::span;
use crate::text::plain;

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
    question: Kind,
}

#[derive(Debug, Args)]
struct Patience {
    /// Keep looking for so long: '5s', '1min 30s', '500ms' (systemd.time(7)); 0 looks once
    #[arg(long, global = true, display_order = 900, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    timeout: Duration,
}

/// One command with nothing around it.
#[derive(Debug, Parser)]
struct Alone<T: Args> {
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    arguments: T,
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
        let words = words.get(1..)?;
        match words.first()?.to_str()? {
            "unit" => alone(Kind::Unit, words),
            "mount" => alone(Kind::Mount, words),
            "writable" => alone(Kind::Writable, words),
            "tcp" => alone(Kind::Tcp, words),
            "http" => alone(Kind::Http, words),
            "dns" => alone(Kind::Dns, words),
            "file" => alone(Kind::File, words),
            "disk" => alone(Kind::Disk, words),
            "process" => alone(Kind::Process, words),
            "command-output" => alone(Kind::CommandOutput, words),
            "container" => alone(Kind::Container, words),
            "clock" => alone(Kind::Clock, words),
            "watchdog" => alone(Kind::Watchdog, words),
            "failed-units" => alone(Kind::FailedUnits, words),
            "rpmdb" => alone(Kind::Rpmdb, words),
            "dpkg" => alone(Kind::Dpkg, words),
            _ => None,
        }
    }

    /// How long to keep looking, and at what.
    pub fn split(self) -> (Duration, Question) {
        (self.patience.timeout, self.question.probe())
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

/// A command and its arguments, the command being the first word.
fn alone<T: Args>(kind: fn(T) -> Kind, words: &[OsString]) -> Option<Cli> {
    let Alone {
        patience,
        arguments,
    } = Alone::<T>::try_parse_from(words).ok()?;
    Some(Cli {
        patience,
        question: kind(arguments),
    })
}

/// The probes, as commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Kind {
    Unit(Unit),
    Mount(Mount),
    Writable(Writable),
    Tcp(Tcp),
    Http(Http),
    Dns(Dns),
    File(File),
    Disk(Disk),
    Process(Process),
    CommandOutput(CommandOutput),
    Container(Container),
    Clock(Clock),
    Watchdog(Watchdog),
    FailedUnits(FailedUnits),
    Rpmdb(Rpmdb),
    Dpkg(Dpkg),
    Defect(Defect),
}

/// What is to be done.
pub enum Question {
    /// Look.
    Probe(Box<dyn Probe>),
    /// Fail with this text.
    Defect(String),
}

impl Kind {
    /// The probe behind the command.
    fn probe(self) -> Question {
        Question::Probe(match self {
            Kind::Unit(probe) => Box::new(probe),
            Kind::Mount(probe) => Box::new(probe),
            Kind::Writable(probe) => Box::new(probe),
            Kind::Tcp(probe) => Box::new(probe),
            Kind::Http(probe) => Box::new(probe),
            Kind::Dns(probe) => Box::new(probe),
            Kind::File(probe) => Box::new(probe),
            Kind::Disk(probe) => Box::new(probe),
            Kind::Process(probe) => Box::new(probe),
            Kind::CommandOutput(probe) => Box::new(probe),
            Kind::Container(probe) => Box::new(probe),
            Kind::Clock(probe) => Box::new(probe),
            Kind::Watchdog(probe) => Box::new(probe),
            Kind::FailedUnits(probe) => Box::new(probe),
            Kind::Rpmdb(probe) => Box::new(probe),
            Kind::Dpkg(probe) => Box::new(probe),
            Kind::Defect(defect) => return Question::Defect(defect.text.join(" ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from([
            "health-probe",
            "tcp",
            "localhost:22",
            "--timeout",
            "1min 30s",
        ])
        .unwrap();
        assert_eq!(cli.patience.timeout, Duration::from_secs(90));
    }

    #[test]
    fn the_quick_way_understands_every_command_as_the_long_way_does() {
        for line in [
            "unit a b* --stable 0 --timeout=5s",
            "mount /",
            "writable /tmp",
            "tcp [::1]:80 --timeout 1min",
            "http http://localhost/ --status 2xx,404 --header A:b",
            "dns localhost",
            "file --timeout 5 -- /x",
            "disk / --min-free 1%",
            "process x --min 2",
            "command-output --contains x -- echo --timeout x",
            "container db",
            "clock",
            "watchdog",
            "failed-units --except a",
            "rpmdb",
            "dpkg",
        ] {
            let words = std::iter::once("health-probe").chain(line.split(' '));
            let words: Vec<OsString> = words.map(OsString::from).collect();
            let long = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
            let quick = Cli::quick(&words).map(|cli| format!("{cli:?}"));
            assert_eq!(quick, Some(format!("{long:?}")), "{line}");
        }
        for line in ["", "tcp", "tcp --help", "--timeout 5 tcp a:1", "defect x"] {
            let words: Vec<OsString> = std::iter::once("health-probe")
                .chain(line.split_whitespace())
                .map(OsString::from)
                .collect();
            assert!(Cli::quick(&words).is_none(), "{line}");
        }
    }

    #[test]
    fn every_probe_has_help_with_an_example() {
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            let example = format!("health-probe {}", command.get_name());
            assert!(help.contains(&example), "{help}");
        }
    }
}
