//! Owns what one boot was: which snapshot, what was on the console, how it ended.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::loader::named_in;
use super::qemu::{Hardware, Qemu, Run};

/// How often the console is looked at: short against the steps of a boot that is cut off.
const POLL: Duration = Duration::from_millis(20);

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The machine reset itself: mostly a reboot.
    Reset,
    /// The machine switched itself off: of a boot that stays up, this is the end (`image-vm/power-off`).
    PoweredOff,
    /// The hardware watchdog reset it.
    Watchdog,
    /// The kernel panicked, and reset it.
    Panic,
    /// We cut the power.
    Killed,
    /// It did none of that in time, and was killed.
    TimedOut,
}

/// One boot, from power-on to its end.
#[derive(Clone, Debug)]
pub struct VmBoot {
    /// How it ended.
    pub ended: Ended,
    /// The snapshot it ran from, or that its boot loader chose; none where nobody can tell.
    pub snapshot: Option<u64>,
    /// All that was on the console.
    pub console: String,
    /// The names of systemd-boot's entries after it.
    pub entries: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl VmBoot {
    /// Whether the console showed a text.
    pub fn said(&self, text: &str) -> bool {
        self.console.contains(text)
    }

    /// The last lines of the console.
    pub fn tail(&self) -> String {
        let lines: Vec<_> = self.console.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Runs a machine until it ends. `default` is what it boots if it does not say itself what it booted.
    pub(crate) fn run(hardware: &Hardware, run: &Run, default: Option<u64>) -> Result<VmBoot> {
        let start = Instant::now();
        let mut qemu = Qemu::start(hardware, run)?;
        let killed = loop {
            if qemu.ended()? {
                break None;
            }
            if run
                .kill_at
                .is_some_and(|marker| qemu.console().contains(marker))
            {
                break Some(Ended::Killed);
            }
            if start.elapsed() > run.limit {
                break Some(Ended::TimedOut);
            }
            sleep(POLL);
        };
        if killed.is_some() {
            qemu.kill()?;
        }
        let (console, events) = (qemu.console(), qemu.events());
        let Some(ended) = killed.or_else(|| ended_of(&console, &events)) else {
            bail!("QEMU ended without a reason that we know: {events:?}\n{console}");
        };
        Ok(VmBoot {
            ended,
            snapshot: booted(&console).or(default),
            console,
            entries: Vec::new(),
            took: start.elapsed(),
        })
    }
}

/// Snapshot and end of each boot, to compare a whole story with.
pub fn course(boots: &[VmBoot]) -> Vec<(u64, Ended)> {
    boots
        .iter()
        .map(|boot| (boot.snapshot.unwrap_or_default(), boot.ended))
        .collect()
}

/// Why a machine ended that was not killed.
fn ended_of(console: &str, events: &[(String, String)]) -> Option<Ended> {
    let reason = events
        .iter()
        .find(|(name, _)| name == "SHUTDOWN")
        .map(|(_, reason)| reason.as_str());
    match reason? {
        _ if events.iter().any(|(name, _)| name == "WATCHDOG") => Some(Ended::Watchdog),
        "guest-reset" if console.contains("Kernel panic - not syncing") => Some(Ended::Panic),
        "guest-reset" => Some(Ended::Reset),
        "guest-shutdown" => Some(Ended::PoweredOff),
        _ => None,
    }
}

/// The snapshot that the machine itself named: its init, else its initrd.
fn booted(console: &str) -> Option<u64> {
    let number = |line: &str| {
        let (_, rest) = line.split_once("test-machine: snapshot ")?;
        rest.strip_suffix(" is booted")?.parse().ok()
    };
    let by_initrd = |line: &str| named_in(line.split_once("test-machine: command line:")?.1);
    let last = |find: &dyn Fn(&str) -> Option<u64>| console.lines().rev().find_map(find);
    last(&number).or_else(|| last(&by_initrd))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter()
            .map(|&(name, reason)| (name.to_owned(), reason.to_owned()))
            .collect()
    }

    #[test]
    fn ends_are_told_apart() {
        let reset = events(&[("RESET", ""), ("SHUTDOWN", "guest-reset")]);
        assert_eq!(ended_of("", &reset), Some(Ended::Reset));
        let panic = "[ 2.0] Kernel panic - not syncing: VFS";
        assert_eq!(ended_of(panic, &reset), Some(Ended::Panic));
        let off = events(&[("POWERDOWN", ""), ("SHUTDOWN", "guest-shutdown")]);
        assert_eq!(ended_of("", &off), Some(Ended::PoweredOff));
        let watchdog = events(&[("WATCHDOG", ""), ("SHUTDOWN", "guest-reset")]);
        assert_eq!(ended_of("", &watchdog), Some(Ended::Watchdog));
        assert_eq!(ended_of("", &[]), None);
    }

    #[test]
    fn the_booted_snapshot_is_what_runs_before_what_was_asked_for() {
        let asked = "test-machine: command line: rw rootflags=subvol=@/.snapshots/2/snapshot\n";
        assert_eq!(booted(asked), Some(2));
        let runs = format!("{asked}[ 1.0] x\ntest-machine: snapshot 3 is booted\n");
        assert_eq!(booted(&runs), Some(3));
        assert_eq!(booted("nothing"), None);
    }
}
