//! `health-probe unit`: units of systemd are active, and stay so.

mod judge;

use std::time::Duration;

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::span::{self, Span};
use crate::systemd;
use crate::text::{is_glob, list};
use judge::judge;

/// Units are active and stay so; a oneshot service must have succeeded.
#[derive(Debug, Args)]
#[command(
    after_help = "A wildcard stands for the units that 'systemctl list-units PATTERN' shows: those that run, are \
                  about to, or have failed. None at all is a failure.\n\n\
                  Examples:\n  health-probe unit sshd nginx.service\n  \
                  health-probe unit 'k3s*' --stable 20s --timeout 2min"
)]
pub struct Unit {
    /// Names of units; *, ? and [] are wildcards
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<String>,
    /// A service must have been active without a restart for so long
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span::parse)]
    pub stable: Duration,
}

impl Probe for Unit {
    fn expected(&self) -> String {
        let stable = match self.stable.is_zero() {
            true => String::new(),
            false => format!(" and stable for {}", Span(self.stable)),
        };
        match self.units.as_slice() {
            [one] => format!("unit '{one}' active{stable}"),
            many => format!("units {} active{stable}", list(many)),
        }
    }

    fn pause(&self, time: Duration) {
        systemd::wait_for_change(time);
    }

    fn refuse(&self, timeout: Duration) -> Option<String> {
        (!timeout.is_zero() && self.stable >= timeout).then(|| {
            format!(
                "'--stable {}' does not fit into '--timeout {}': give it more time",
                Span(self.stable),
                Span(timeout)
            )
        })
    }

    fn keeps_limit(&self) -> bool {
        true
    }

    fn look(&self, limit: Limit) -> Look {
        let (globs, names): (Vec<&str>, Vec<&str>) = self
            .units
            .iter()
            .map(String::as_str)
            .partition(|name| is_glob(name));
        let mut states = Vec::new();
        if !names.is_empty() {
            states = systemd::show(&names, limit)?;
            if states.len() < names.len() {
                return Err(Problem::not_yet(
                    "an answer of 'systemctl' that lacks units",
                ));
            }
        }
        // One by one: of a pattern without a match, systemctl does not say so.
        for glob in globs {
            let found = systemd::show(&[glob], limit)?;
            if found.is_empty() {
                return Err(Problem::not_yet(format!("no unit like '{glob}'")));
            }
            states.extend(found);
        }
        self.together(
            states
                .iter()
                .map(|state| (state.get("Id"), judge(state, self.stable))),
        )
    }
}

impl Unit {
    /// One answer for all: what is hopeless first, then what is not yet right.
    fn together<'a>(&self, looks: impl Iterator<Item = (&'a str, Look)>) -> Look {
        let (mut good, mut waiting, mut hopeless) = (Vec::new(), Vec::new(), Vec::new());
        let mut pause = Some(Duration::ZERO);
        for (unit, look) in looks {
            match look {
                Ok(found) => good.push(format!("'{unit}' {found}")),
                Err(Problem::NotYet { found, again_in }) => {
                    waiting.push(format!("'{unit}' {found}"));
                    // The longest window decides; a unit that is not active yet is looked at as often as usual.
                    pause = pause.zip(again_in).map(|(a, b)| a.max(b));
                }
                Err(Problem::Final(found) | Problem::Usage(found)) => {
                    hopeless.push(format!("'{unit}' {found}"))
                }
            }
        }
        if !hopeless.is_empty() {
            return Err(Problem::Final(hopeless.join(", ")));
        }
        if !waiting.is_empty() {
            return Err(Problem::NotYet {
                found: waiting.join(", "),
                again_in: pause,
            });
        }
        match good.as_slice() {
            [] => Err(Problem::not_yet("no unit")),
            [one] => Ok(one.clone()),
            many if many.len() > 5 => Ok(format!("all {} of them", many.len())),
            many => Ok(many.join(", ")),
        }
    }
}
