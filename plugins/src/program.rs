//! Runs a program without a shell: with a time limit, bounded output, and no process left behind at the limit.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::outcome::{Limit, Problem};
use crate::span::Span;
use crate::text::{quoted, reason};

/// What is kept of each stream; the rest is read and thrown away, so that the program does not block.
pub const MOST_OUTPUT: usize = 1 << 20;
/// How long to read on after the program has ended, if something it started holds its output open.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, up to [`MOST_OUTPUT`].
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Ran {
    /// How it ended, in words: "exit status 3" or "signal 9".
    pub fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => self.status.to_string(),
        }
    }

    /// What it said about itself: standard error, or else standard output.
    pub fn said(&self) -> String {
        let said = match self.stderr.trim() {
            "" => &self.stdout,
            _ => &self.stderr,
        };
        quoted(said)
    }
}

/// Runs a program in a process group of its own and waits for it, until `limit` at most.
pub fn run(program: &str, arguments: &[&str], limit: Limit) -> Result<Ran, Problem> {
    let limit = limit.left();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(program, &error))?;
    let broke = |error: io::Error| {
        Problem::last(format!("'{program}' cannot be watched: {}", reason(&error)))
    };
    let pid = Pid::from_child(&child);
    let mut output = Output {
        streams: [
            child
                .stdout
                .take()
                .map(|pipe| Box::new(pipe) as Box<dyn Pipe>),
            child
                .stderr
                .take()
                .map(|pipe| Box::new(pipe) as Box<dyn Pipe>),
        ],
        texts: [Vec::new(), Vec::new()],
    };
    let in_time = output.follow(pid, Instant::now() + limit);
    if !matches!(in_time, Ok(true)) {
        // The leader is not waited for yet, so that the number of the group is still its own.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait().map_err(broke)?;
    let [stdout, stderr] = output
        .texts
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let ran = Ran {
        status,
        stdout,
        stderr,
    };
    match in_time {
        Ok(true) => Ok(ran),
        Ok(false) => Err(Problem::not_yet(format!(
            "'{program}' not finished within {}, saying {}",
            Span(limit),
            ran.said()
        ))),
        Err(error) => Err(broke(error.into())),
    }
}

fn cannot_start(program: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::last(format!("no program '{program}' on this system")),
        _ => Problem::last(format!("'{program}' cannot be started: {}", reason(error))),
    }
}

trait Pipe: Read + AsFd {}
impl<T: Read + AsFd> Pipe for T {}

struct Output {
    streams: [Option<Box<dyn Pipe>>; 2],
    texts: [Vec<u8>; 2],
}

impl Output {
    /// Reads until the program has ended and said all; false if it has not ended by then.
    fn follow(&mut self, pid: Pid, mut end: Instant) -> Result<bool, Errno> {
        let ended = pidfd_open(pid, PidfdFlags::empty())?;
        let mut has_ended = false;
        loop {
            let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
            for stream in self.streams.iter().flatten() {
                fds.push(PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN));
            }
            if !has_ended {
                fds.push(PollFd::new(&ended, PollFlags::IN));
            }
            if fds.is_empty() {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Ok(has_ended),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            let ready: Vec<i32> = fds
                .iter()
                .filter(|fd| !fd.revents().is_empty())
                .map(|fd| fd.as_fd().as_raw_fd())
                .collect();
            if !has_ended && ready.contains(&ended.as_raw_fd()) {
                has_ended = true;
                end = end.min(Instant::now() + LAST_WORDS);
            }
            for (stream, text) in self.streams.iter_mut().zip(&mut self.texts) {
                let is_ready = stream
                    .as_ref()
                    .is_some_and(|pipe| ready.contains(&pipe.as_fd().as_raw_fd()));
                if is_ready && !read_some(stream, text) {
                    *stream = None;
                }
            }
            // A program that floods its output is always ready: the clock counts as well.
            if Instant::now() >= end {
                return Ok(has_ended);
            }
        }
    }
}

/// Reads what is there; false at the end of the stream.
fn read_some(stream: &mut Option<Box<dyn Pipe>>, text: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16 << 10];
    match stream.as_mut().map(|pipe| pipe.read(&mut buffer)) {
        Some(Ok(length)) if length > 0 => {
            let room = MOST_OUTPUT.saturating_sub(text.len());
            text.extend_from_slice(&buffer[..length.min(room)]);
            true
        }
        Some(Err(error)) => error.kind() == io::ErrorKind::Interrupted,
        _ => false,
    }
}
