//! `health-probe command-output`: a program ends as it should and says what it should.

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program;
use crate::text::quoted;

/// PROGRAM ends with a status and prints a text. It is run again until it does. No shell is involved.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe command-output --contains Ready -- kubectl get nodes\n  health-probe command-output --equals running -- systemctl is-system-running\n  health-probe command-output --status 3 -- /opt/app/bin/selftest --fast"
)]
pub struct CommandOutput {
    /// Text that its standard output must contain (the first MiB is looked at)
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,
    /// Text that its standard output must be, spaces and line ends around it aside
    #[arg(long, value_name = "TEXT")]
    pub equals: Option<String>,
    /// Exit status that is expected
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub status: u8,
    /// The program and its arguments, behind '--'
    #[arg(required = true, last = true, value_names = ["PROGRAM", "ARGUMENTS"])]
    pub command: Vec<String>,
}

impl Probe for CommandOutput {
    fn expected(&self) -> String {
        let mut text = format!(
            "{} to give exit status {}",
            quoted(&self.command.join(" ")),
            self.status
        );
        if let Some(part) = &self.contains {
            text += &format!(" and print '{part}'");
        }
        if let Some(whole) = &self.equals {
            text += &format!(" and print exactly '{whole}'");
        }
        text
    }

    fn look(&self, limit: Limit) -> Look {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Problem::Usage("no program: write it behind '--'".into()));
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = program::run(program, &arguments, limit)?;
        if ran.status.code() != Some(self.status.into()) {
            return Err(Problem::not_yet(format!(
                "{}, saying {}",
                ran.ending(),
                ran.said()
            )));
        }
        let contains = self
            .contains
            .as_ref()
            .is_none_or(|part| ran.stdout.contains(part));
        let equals = self
            .equals
            .as_ref()
            .is_none_or(|whole| ran.stdout.trim() == whole.trim());
        let printed = format!("{}, printing {}", ran.ending(), quoted(&ran.stdout));
        match contains && equals {
            true => Ok(printed),
            false => Err(Problem::not_yet(printed)),
        }
    }
}
