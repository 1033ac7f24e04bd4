//! `health-probe dpkg`: the database of dpkg can be read, and no package is half installed.

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program;

/// The database of dpkg can be read, and no package is half installed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  health-probe dpkg")]
pub struct Dpkg {}

impl Probe for Dpkg {
    fn expected(&self) -> String {
        "a consistent dpkg database".into()
    }

    fn look(&self, limit: Limit) -> Look {
        let audit = program::run("dpkg", &["--audit"], limit)?;
        if !audit.status.success() || !audit.stdout.trim().is_empty() {
            let found = format!(
                "'dpkg --audit' with {}, saying {}",
                audit.ending(),
                audit.said()
            );
            return Err(Problem::not_yet(found));
        }
        // A lost database is consistent, too: the package of dpkg itself is missing from it.
        let query = [
            "--show",
            "--showformat=${db:Status-Status} ${Version}",
            "dpkg",
        ];
        let own = program::run("dpkg-query", &query, limit)?;
        match own.stdout.strip_prefix("installed ") {
            Some(version) if own.status.success() => {
                Ok(format!("it passed, with 'dpkg {}' in it", version.trim()))
            }
            _ => Err(Problem::not_yet(format!(
                "no package 'dpkg' in it, but {}",
                own.said()
            ))),
        }
    }
}
