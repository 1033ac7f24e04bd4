//! Owns one boot of a machine while it is up: switching it on, looking inside, waiting.

use std::fs;
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{output, run, text};
use crate::container;
use crate::machine::Disk;
use crate::snapshots::number_of;

/// A healthy boot answers in half a second; a starved machine may take long.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// No command inside may take longer, in seconds as timeout(1) wants it.
const COMMAND_TIMEOUT: &str = "60";

/// Waits for the command from outside the PID namespace. nsenter(1) would do it, but the end of a shutdown stops all
/// processes before it kills them, and an nsenter whose child is stopped stops as well, for ever.
const WAITING: &str = "\"$0\" \"$@\"; exit $?";

/// How often a condition is looked at: short against a boot, long against the few ms that looking costs.
pub(crate) const POLL: Duration = Duration::from_millis(30);

/// A machine that is switched on. Dropping it kills it.
pub struct Boot {
    pub(crate) disk: Arc<Disk>,
    pub(crate) child: Child,
    /// The host's number of PID 1; 0 until it is found.
    pub(crate) init: u32,
    snapshot: Option<u64>,
}

impl Boot {
    /// Switches a machine on, from a snapshot or from what is its default, and waits until its PID 1
    /// answers, or until it ended: one that is to act early may be faster than we look.
    pub(crate) fn start(
        disk: &Arc<Disk>,
        snapshot: Option<u64>,
        arguments: &[&str],
    ) -> Result<Boot> {
        disk.must_be_off()?;
        let options = snapshot.map_or("rw".to_owned(), |number| {
            format!("subvol=@/.snapshots/{number}/snapshot")
        });
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let file_system = disk.layout.file_system();
        let child = container::start(&disk.name, &disk.image, file_system, &options, &arguments)?;
        disk.set_running(true);
        let mut boot = Boot {
            disk: disk.clone(),
            child,
            init: 0,
            snapshot: None,
        };
        let start = Instant::now();
        while boot.ended()?.is_none() && !boot.answers()? {
            if start.elapsed() > START_TIMEOUT {
                bail!(
                    "machine '{}': PID 1 does not answer\n{}",
                    disk.name,
                    boot.describe()
                );
            }
            sleep(POLL);
        }
        Ok(boot)
    }

    /// Whether PID 1 answers; the first answer comes after the jobs of the boot are queued.
    fn answers(&mut self) -> Result<bool> {
        if self.init == 0 {
            let Some(init) = container::find_init(&self.child) else {
                return Ok(false);
            };
            self.init = init;
            self.snapshot = self.mounted_snapshot();
        }
        let answer = self.run(["systemctl", "show", "--property=Version"])?;
        Ok(answer.status.success())
    }

    /// The number of the snapshot it runs from, if it is one.
    pub fn snapshot(&self) -> Option<u64> {
        self.snapshot
    }

    /// The host's number of the machine's PID 1.
    pub fn pid(&self) -> u32 {
        self.init
    }

    /// Runs a command inside, whatever its exit status.
    pub fn run<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> Result<Output> {
        output(self.inside().args(command))
    }

    /// Runs a shell script inside, which must succeed, and returns its standard output.
    pub fn shell(&self, script: &str) -> Result<String> {
        run(self.inside().args(["sh", "-ec", script]))
            .with_context(|| format!("in machine '{}'", self.disk.name))
    }

    /// The journal, with journalctl's arguments.
    pub fn journal(&self, arguments: &[&str]) -> Result<String> {
        run(self
            .inside()
            .args(["journalctl", "--no-pager", "--quiet"])
            .args(arguments))
    }

    fn inside(&self) -> Command {
        let mut command = Command::new("timeout");
        command.args([
            "--signal=KILL",
            COMMAND_TIMEOUT,
            "nsenter",
            "--target",
            &self.init.to_string(),
            "--all",
            "--root",
            "--wd",
            "--no-fork",
        ]);
        command.args(["env", "--ignore-environment", "LC_ALL=C.UTF-8"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["sh", "-c", WAITING]);
        command
    }

    /// Waits for a condition; fails when the machine ends before, or with a description of it when time is up.
    pub fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        mut met: impl FnMut(&mut Boot) -> Result<bool>,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(ended) = self.ended()? {
                bail!(
                    "machine '{}' ended ({ended:?}) before {what}\n{}",
                    self.disk.name,
                    self.disk.console_tail()
                );
            }
            if met(self)? {
                return Ok(());
            }
            if start.elapsed() > limit {
                bail!(
                    "machine '{}': waited {limit:?} for {what}\n{}",
                    self.disk.name,
                    self.describe()
                );
            }
            sleep(POLL);
        }
    }

    /// Waits until the boot is finished, with or without failed units.
    pub fn wait_finished(&mut self) -> Result<()> {
        self.wait("the boot to finish", START_TIMEOUT, |boot| {
            let state = text(&boot.run(["systemctl", "is-system-running"])?.stdout);
            Ok(["running", "degraded"].contains(&state.trim()))
        })
    }

    fn mounted_snapshot(&self) -> Option<u64> {
        let table = fs::read_to_string(format!("/proc/{}/mountinfo", self.init)).ok()?;
        let mut roots = table.lines().filter_map(|line| {
            let mut fields = line.split(' ').skip(3);
            Some((fields.next()?, fields.next()?))
        });
        number_of(roots.rfind(|(_, target)| *target == "/")?.0)
    }

    /// What somebody needs to see who wonders why it does not come to an end.
    pub(crate) fn describe(&self) -> String {
        let look = "systemctl list-jobs --no-pager; systemctl --failed --no-pager --no-legend; journalctl -b -n 40 --no-pager";
        let inside = match self.init {
            0 => "systemd did not start".to_owned(),
            _ => self
                .shell(look)
                .unwrap_or_else(|error| format!("{error:#}")),
        };
        format!("{inside}\n{}", self.disk.console_tail())
    }
}
