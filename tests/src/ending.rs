//! Owns the end of a boot: by itself, as asked, or killed; and the moment when health checks are done.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::boot::{Boot, POLL};
use crate::command::{run, text};
use crate::container;
use crate::mounted::wait_released;

/// An orderly shutdown takes half a second.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// PID 1 of systemd 257 was seen asleep with all jobs of a shutdown queued, until a question woke it. A signal that it
/// takes for the end of a child should do the same; it has not been seen yet.
const NUDGE: Duration = Duration::from_secs(10);

/// What systemd-nspawn exits with when the container asks for a reboot.
const EXIT_REBOOT: i32 = 133;

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The machine rebooted.
    Rebooted,
    /// The machine switched itself off.
    PoweredOff,
    /// PID 1 was killed, or gave up.
    Died,
    /// It did not end: it is up, and everything about health checks is done.
    StayedUp,
}

impl Boot {
    /// Waits until the machine is up and nothing about health checks or a shutdown is queued, or until it ended.
    pub fn wait_verdict(&mut self, limit: Duration) -> Result<Ended> {
        let start = Instant::now();
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(ended);
            }
            let jobs = self.run(["systemctl", "list-jobs", "--no-legend", "--plain"])?;
            if jobs.status.success() && !text(&jobs.stdout).lines().any(is_awaited) {
                return Ok(Ended::StayedUp);
            }
            if start.elapsed() > limit {
                bail!(
                    "machine '{}': no verdict after {limit:?}\n{}",
                    self.disk.name,
                    self.describe()
                );
            }
            sleep(POLL);
        }
    }

    /// Waits until the machine ends by itself.
    pub fn wait_end(mut self) -> Result<Ended> {
        let start = Instant::now();
        let mut nudged = Instant::now();
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(ended);
            }
            if nudged.elapsed() > NUDGE {
                // It may be gone just now.
                let _ = self.signal("CHLD");
                nudged = Instant::now();
            }
            if start.elapsed() > END_TIMEOUT {
                bail!(
                    "machine '{}' did not end within {END_TIMEOUT:?}\n{}",
                    self.disk.name,
                    self.describe()
                );
            }
            sleep(POLL);
        }
    }

    /// Switches it off in an orderly way.
    pub fn poweroff(mut self) -> Result<()> {
        self.signal("RTMIN+4")?;
        self.must_end(Ended::PoweredOff)
    }

    /// Reboots it in an orderly way, without booting it again.
    pub fn reboot(mut self) -> Result<()> {
        self.signal("RTMIN+5")?;
        self.must_end(Ended::Rebooted)
    }

    /// Kills PID 1: processes end at once, but what they wrote reaches the disk (see [`Boot::power_cut`]).
    pub fn kill(mut self) -> Result<()> {
        self.signal("KILL")?;
        self.must_end(Ended::Died)
    }

    pub(crate) fn must_end(self, expected: Ended) -> Result<()> {
        let name = self.disk.name.clone();
        let ended = self.wait_end()?;
        if ended != expected {
            bail!("machine '{name}' ended as {ended:?} instead of {expected:?}");
        }
        Ok(())
    }

    /// Sends a signal to PID 1, never to another process that got its number later.
    pub(crate) fn signal(&mut self, signal: &str) -> Result<()> {
        if let Some(ended) = self.ended()? {
            bail!("machine '{}' is off already ({ended:?})", self.disk.name);
        }
        run(Command::new("kill").args(["-s", signal, &self.init.to_string()]))?;
        Ok(())
    }

    /// Whether and how it ended; then the disk is free.
    pub(crate) fn ended(&mut self) -> Result<Option<Ended>> {
        let Some(status) = self
            .child
            .try_wait()
            .context("cannot wait for the container")?
        else {
            return Ok(None);
        };
        wait_released(&self.disk.image)?;
        self.disk.set_running(false);
        Ok(Some(match status.code() {
            Some(EXIT_REBOOT) => Ended::Rebooted,
            Some(0) => Ended::PoweredOff,
            _ => Ended::Died,
        }))
    }

    /// Ends it without asking its PID 1; the disk is free afterwards.
    fn end(&mut self) -> Result<()> {
        let start = Instant::now();
        // With PID 1 dead, the container's supervisor unmounts and cleans up.
        if self.init == 0 || self.signal("KILL").is_err() {
            container::kill(&mut self.child)?;
        }
        while self.ended()?.is_none() {
            if start.elapsed() > END_TIMEOUT {
                container::kill(&mut self.child)?;
                bail!(
                    "machine '{}' did not die within {END_TIMEOUT:?}",
                    self.disk.name
                );
            }
            sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        // Nothing to do after an end that was waited for.
        if !matches!(self.ended(), Ok(Some(_)))
            && let Err(error) = self.end()
        {
            eprintln!("machine '{}': {error:#}", self.disk.name);
        }
    }
}

/// Whether a line of list-jobs belongs to health checks or to the end of the boot.
fn is_awaited(job: &str) -> bool {
    let unit = job.split_whitespace().nth(1).unwrap_or_default();
    unit.starts_with("health-check")
        || [
            "reboot.target",
            "poweroff.target",
            "halt.target",
            "kexec.target",
            "soft-reboot.target",
            "emergency.target",
            "rescue.target",
        ]
        .contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::is_awaited;

    #[test]
    fn awaited_jobs() {
        assert!(is_awaited("12 health-checker.service start running"));
        assert!(is_awaited("12 health-check@a.service start waiting"));
        assert!(is_awaited(" 7 reboot.target start waiting"));
        assert!(!is_awaited("7 never-ends.service start running"));
        assert!(!is_awaited("No jobs running."));
    }
}
