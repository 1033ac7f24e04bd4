//! `health-probe clock`: the kernel says that the clock is synchronised.

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program;

/// The clock is synchronised, by whichever time service (chrony, systemd-timesyncd, ntpd).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  health-probe clock --timeout 2min")]
pub struct Clock {}

impl Probe for Clock {
    fn expected(&self) -> String {
        "a synchronised clock".into()
    }

    /// timedatectl tells what adjtimex(2) says: the kernel's own answer, which all time services set.
    fn look(&self, limit: Limit) -> Look {
        let ran = program::run(
            "timedatectl",
            &["show", "--property=NTPSynchronized"],
            limit,
        )?;
        match ran.stdout.trim() {
            "NTPSynchronized=yes" => Ok("that the kernel says so".into()),
            "NTPSynchronized=no" => Err(Problem::not_yet("that the kernel says it is not")),
            _ => Err(Problem::not_yet(format!(
                "'timedatectl' saying {}",
                ran.said()
            ))),
        }
    }
}
