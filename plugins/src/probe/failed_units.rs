//! `health-probe failed-units`: no unit of the system has failed.

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::systemd;
use crate::text::{list, matches};

/// The checks themselves: that one of them failed is not another failure.
const OURS: [&str; 3] = ["health-check@*", "health-check-local@*", "health-checker*"];

/// No unit has failed (checks of health-checker do not count: they are judged by themselves).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  health-probe failed-units --except 'user@*.service' smartd.service"
)]
pub struct FailedUnits {
    /// Units that may fail; *, ? and [] are wildcards
    #[arg(long, value_name = "UNIT", num_args = 1..)]
    pub except: Vec<String>,
}

impl Probe for FailedUnits {
    fn expected(&self) -> String {
        match self.except.is_empty() {
            true => "no failed units".into(),
            false => format!("no failed units except {}", list(&self.except)),
        }
    }

    fn look(&self, limit: Limit) -> Look {
        let mut failed = systemd::failed(limit)?;
        failed.retain(|unit| !OURS.iter().any(|pattern| matches(pattern, unit)));
        failed.sort();
        let (excepted, failed): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|unit| self.is_excepted(unit));
        match (failed.is_empty(), excepted.is_empty()) {
            (false, _) => Err(Problem::not_yet(list(&failed))),
            (true, false) => Ok(format!("only {}", list(&excepted))),
            (true, true) => Ok("none".into()),
        }
    }
}

impl FailedUnits {
    /// A name without a type means a service, as for systemctl.
    fn is_excepted(&self, unit: &str) -> bool {
        self.except.iter().any(|pattern| {
            matches(pattern, unit)
                || unit
                    .strip_suffix(".service")
                    .is_some_and(|short| short == pattern)
        })
    }
}
