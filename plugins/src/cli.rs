//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::outcome::Probe;
use crate::probe::{
    Clock, CommandOutput, Container, Defect, Disk, Dns, Dpkg, FailedUnits, File, Http, Mount,
    Process, Rpmdb, Tcp, Unit, Watchdog, Writable,
};
use crate::span;

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
    /// Keep looking for so long: '5s', '1min 30s', '500ms' (systemd.time(7)); 0 looks once
    #[arg(long, global = true, display_order = 900, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    pub timeout: Duration,
    /// What to look at.
    #[command(subcommand)]
    pub question: Kind,
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
    pub fn probe(self) -> Question {
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
        assert_eq!(cli.timeout, Duration::from_secs(90));
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
