//! `health-probe rpmdb`: the database of RPM can be read, is consistent and not empty.

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program::{self, Ran};

/// The database of RPM can be read, is consistent and not empty.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  health-probe rpmdb --timeout 1min")]
pub struct Rpmdb {}

impl Probe for Rpmdb {
    fn expected(&self) -> String {
        "a consistent RPM database".into()
    }

    fn look(&self, limit: Limit) -> Look {
        good(
            program::run("rpmdb", &["--verifydb"], limit)?,
            "rpmdb --verifydb",
        )?;
        // A database that was lost and made anew is consistent, too: the package of rpm itself is missing from it.
        let query = ["-q", "--qf", "%{NAME}-%{VERSION}", "rpm"];
        let ran = good(program::run("rpm", &query, limit)?, "rpm -q rpm")?;
        Ok(format!("it verified, with '{}' in it", ran.stdout.trim()))
    }
}

fn good(ran: Ran, command: &str) -> Result<Ran, Problem> {
    match ran.status.success() {
        true => Ok(ran),
        false => {
            let found = format!("'{command}' with {}, saying {}", ran.ending(), ran.said());
            Err(Problem::not_yet(found))
        }
    }
}
