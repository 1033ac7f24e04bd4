//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::{new, verify};

/// Judges whether a boot of a transactional system is healthy, and undoes the update if it is not.
///
/// Without a command: runs all checks now and says what came of them, without any consequences.
#[derive(Debug, Parser)]
#[command(name = "health-checker", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Show the verdict on this boot, its checks, known good snapshots and the last incident
    Status {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Find mistakes in plugins, '.check' files, configuration and units, before a boot does
    Verify(verify::Options),
    /// Write a new check, with comments, and say how to try it
    New(new::Options),
    /// Show all checks with their settings, and the files that look like checks but are none
    List {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Run the named checks now and show what they say, without any consequences
    Check {
        /// Names as 'health-checker list' shows them, or unit names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Show the effective configuration, and which line of which file it comes from
    Config {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show what the boot loader did and would do, its entries, and what contradicts itself
    #[command(args_conflicts_with_subcommands = true)]
    Bootloader {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
        /// What to change in GRUB's environment block, instead of showing anything
        #[command(subcommand)]
        change: Option<crate::commands::bootloader::Change>,
    },
    /// Show the judged boots and the incidents
    History {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge the incident: it moves to the history, and its ladder of actions begins anew
    Reset,
    /// Judge this boot and act on it (started by health-checker.service)
    #[command(hide = true)]
    Run,
    /// Wait until the boot has settled (started by health-check-settle.service)
    #[command(hide = true)]
    Settle {
        /// Go on after so many seconds instead of SettleTimeoutSec= of the configuration
        #[arg(long, value_parser = seconds)]
        timeout_sec: Option<Duration>,
    },
    /// Decide without a verdict (started by health-checker-failsafe.service and those like it)
    #[command(hide = true)]
    Failsafe {
        /// What happened
        #[arg(long, value_enum, default_value_t)]
        cause: crate::model::cause::Cause,
    },
    /// Write down that a boot began (started by health-checker-arm.service)
    #[command(hide = true)]
    Arm,
    /// Write down that a boot is shut down in order (by the same)
    #[command(hide = true)]
    Disarm,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    // No more than can be added to a point in time.
    text.parse::<u32>()
        .map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert_eq!(
            Cli::try_parse_from(["health-checker"]).unwrap().command,
            None
        );
        assert!(Cli::try_parse_from(["health-checker", "check"]).is_err());
        assert!(
            Cli::try_parse_from(["health-checker", "statsu"])
                .unwrap_err()
                .to_string()
                .contains("'status'")
        );
    }
}
