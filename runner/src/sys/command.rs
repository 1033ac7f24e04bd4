//! Running other programs: never through a shell, never longer than a time limit, output kept for the report.

use std::fmt;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// How much output of a program is kept, in bytes: 'systemd-analyze verify' may have something to say of every unit.
const OUTPUT_LIMIT: u64 = 256 * 1024;
/// How often the waiting is interrupted, so that the caller can renew its lease.
const TICK: Duration = Duration::from_secs(5);

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: it did not end in time and was killed.
    pub status: Option<ExitStatus>,
    /// Its output, standard error included, trimmed.
    pub output: String,
}

impl Ended {
    /// Exit status 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            None => write!(f, "did not end in time and was killed")?,
            Some(status) => write!(f, "{status}")?,
        }
        match self.output.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => write!(f, ": {}", line.trim()),
            None => Ok(()),
        }
    }
}

/// Runs a program until it ends or `limit` has passed; `tick` is called every few seconds meanwhile.
///
/// # Errors
/// When it cannot be started.
pub fn run(argv: &[&str], limit: Duration, tick: &dyn Fn()) -> Result<Ended> {
    #[cfg(test)]
    if let Some(ended) = fake::run(argv) {
        return ended;
    }
    let (program, arguments) = argv.split_first().context("no program to run")?;
    let mut output = rustix::fs::memfd_create("output", rustix::fs::MemfdFlags::CLOEXEC)
        .map(std::fs::File::from)
        .context("no room for the output of a program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0)
        .spawn()
        .with_context(|| format!("'{program}' cannot be started"))?;
    let deadline = Instant::now() + limit;
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let status = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Its children as well: the lock of a half-dead update tool would block the next one.
            let _ = kill_process_group(pid, Signal::KILL);
            child.wait()?;
            break None;
        }
        let wait = left.min(TICK);
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs())?,
            tv_nsec: wait.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&wait)) {
            Ok(0) => tick(),
            Ok(_) => break Some(child.wait()?),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut text = Vec::new();
    output.rewind()?;
    output.take(OUTPUT_LIMIT).read_to_end(&mut text)?;
    Ok(Ended {
        status,
        output: String::from_utf8_lossy(&text).trim().to_owned(),
    })
}

/// Tests never do anything to the machine that they run on: what could is only written down.
#[cfg(test)]
pub mod fake {
    use std::cell::RefCell;

    use super::*;

    /// What does something to a machine, or waits for it.
    const NOT_FOR_TESTS: [&str; 5] = [
        "systemctl",
        "systemd-run",
        "transactional-update",
        "snapper",
        "journalctl",
    ];

    thread_local! {
        static ASKED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    }

    /// From now on, what this thread runs is written down and succeeds.
    pub fn begin() {
        ASKED.with(|asked| *asked.borrow_mut() = Some(Vec::new()));
    }

    /// What was to be run since the last time, a line each.
    pub fn asked() -> Vec<String> {
        let asked = ASKED.with(|asked| asked.borrow_mut().as_mut().map(std::mem::take));
        asked.unwrap_or_default()
    }

    pub(super) fn run(argv: &[&str]) -> Option<Result<Ended>> {
        if !NOT_FOR_TESTS.contains(argv.first()?) {
            return None;
        }
        let written = ASKED.with(|asked| {
            let mut asked = asked.borrow_mut();
            asked.as_mut().map(|asked| asked.push(argv.join(" ")))
        });
        Some(match written {
            Some(()) => Ok(Ended {
                status: Some(ExitStatus::default()),
                output: String::new(),
            }),
            None => Err(anyhow::anyhow!("'{}' is not for a test", argv.join(" "))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_kept() {
        let ended = run(
            &["sh", "-c", "echo one; echo two >&2; exit 3"],
            Duration::from_secs(10),
            &|| {},
        )
        .unwrap();
        assert_eq!(ended.status.unwrap().code(), Some(3));
        assert_eq!(ended.to_string(), "exit status: 3: two");
        assert!(!ended.success());
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let started = Instant::now();
        let ended = run(
            &["sh", "-c", "trap '' TERM; echo begun; sleep 60 & sleep 60"],
            Duration::from_millis(300),
            &|| {},
        )
        .unwrap();
        assert!(ended.status.is_none());
        assert_eq!(
            ended.to_string(),
            "did not end in time and was killed: begun"
        );
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&["/no/such/program"], Duration::from_secs(1), &|| {}).unwrap_err();
        assert!(error.to_string().contains("'/no/such/program'"));
    }
}
