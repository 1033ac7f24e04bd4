//! The probes, one file each, and the one list of them.

mod clock;
mod command_output;
mod container;
mod defect;
mod disk;
mod dns;
mod dpkg;
mod failed_units;
mod file;
mod http;
mod mount;
mod process;
mod rpmdb;
mod tcp;
mod unit;
mod watchdog;
mod writable;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::outcome::Probe;
use crate::wait::Patience;

/// Makes of the list what the command line needs of each probe.
macro_rules! probes {
    ($($name:literal => $module:ident::$probe:ident,)*) => {
        /// The probes, as commands.
        #[derive(Debug, Subcommand)]
        #[allow(missing_docs)]
        pub enum Command {
            $(#[command(name = $name)] $probe($module::$probe),)*
            Defect(defect::Defect),
        }

        impl Command {
            /// What the command asks.
            pub fn question(self) -> Question {
                match self {
                    $(Command::$probe(probe) => Question::Probe(Box::new(probe)),)*
                    Command::Defect(defect) => Question::Defect(defect.text.join(" ")),
                }
            }

            /// Reads the words of a command, its name first, with no other command built for it.
            pub fn alone(words: &[OsString]) -> Option<(Patience, Command)> {
                match words.first()?.to_str()? {
                    $($name => alone(Command::$probe, words),)*
                    _ => None,
                }
            }
        }
    };
}

// As the help lists them.
probes! {
    "unit" => unit::Unit,
    "mount" => mount::Mount,
    "writable" => writable::Writable,
    "tcp" => tcp::Tcp,
    "http" => http::Http,
    "dns" => dns::Dns,
    "file" => file::File,
    "disk" => disk::Disk,
    "process" => process::Process,
    "command-output" => command_output::CommandOutput,
    "container" => container::Container,
    "clock" => clock::Clock,
    "watchdog" => watchdog::Watchdog,
    "failed-units" => failed_units::FailedUnits,
    "rpmdb" => rpmdb::Rpmdb,
    "dpkg" => dpkg::Dpkg,
}

/// What is to be done.
pub enum Question {
    /// Look.
    Probe(Box<dyn Probe>),
    /// Fail with this text.
    Defect(String),
}

/// One command with nothing around it.
#[derive(Debug, Parser)]
struct Alone<T: Args> {
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    arguments: T,
}

fn alone<T: Args>(command: fn(T) -> Command, words: &[OsString]) -> Option<(Patience, Command)> {
    let Alone {
        patience,
        arguments,
    } = Alone::<T>::try_parse_from(words).ok()?;
    Some((patience, command(arguments)))
}
