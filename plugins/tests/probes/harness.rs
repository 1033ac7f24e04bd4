//! Runs `health-probe`, with faked programs in its PATH where the real ones need a whole machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What a run of the probe gave.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub time: Duration,
}

/// Where programs are. Not the caller's PATH: a directory in it that may not be searched, as root's own may not by
/// others, turns "no such program" into "Permission denied" (execvp(3)).
const PATH: &str = "/usr/bin:/bin";

pub fn probe(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_health-probe"));
    run(command.args(arguments).env("PATH", PATH))
}

/// The number of the user who runs the tests, and of another one.
pub fn users() -> (String, String) {
    let own = rustix::process::geteuid().as_raw();
    (own.to_string(), (own + 1).to_string())
}

fn run(command: &mut Command) -> Ran {
    let start = Instant::now();
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ran {
        status: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        time: start.elapsed(),
    }
}

impl Ran {
    /// Exit status 0, one line on standard output only, with these parts.
    pub fn healthy(self, parts: &[&str]) -> Ran {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
        self.one_line(&self.stdout, parts);
        self
    }

    /// Exit status 1, one line on standard error only, with these parts.
    pub fn unhealthy(self, parts: &[&str]) -> Ran {
        assert_eq!((self.status, self.stdout.as_str()), (1, ""), "{self:?}");
        self.one_line(&self.stderr, parts);
        self
    }

    /// Exit status 2, with these parts on standard error.
    pub fn usage(self, parts: &[&str]) -> Ran {
        assert_eq!((self.status, self.stdout.as_str()), (2, ""), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "'{part}' is missing: {self:?}");
        }
        self
    }

    pub fn took(self, least: f64, most: f64) -> Ran {
        let seconds = self.time.as_secs_f64();
        assert!((least..most).contains(&seconds), "{self:?}");
        self
    }

    fn one_line(&self, text: &str, parts: &[&str]) {
        assert_eq!(text.lines().count(), 1, "{self:?}");
        assert!(
            text.starts_with("expected ") && text.contains("; found "),
            "{self:?}"
        );
        // Numbers of errors and what turns the text around are nothing for people.
        let is_odd = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(
            !text.contains("(os error") && !text.contains(is_odd),
            "{self:?}"
        );
        for part in parts {
            assert!(text.contains(part), "'{part}' is missing: {self:?}");
        }
    }
}

/// A directory in front of the PATH with shell scripts instead of the real programs.
pub struct Fakes(TempDir);

impl Fakes {
    pub fn new(programs: &[(&str, &str)]) -> Fakes {
        let fakes = Fakes(TempDir::new().unwrap());
        for (name, script) in programs {
            let path = fakes.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fakes
    }

    /// The scripts find it as `$FAKES`.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn probe(&self, arguments: &[&str]) -> Ran {
        // Not the real systemd, where there is one: the fake systemctl.
        self.probe_with(arguments, "/nonexistent")
    }

    /// With this in the place of systemd's own socket.
    pub fn probe_with(&self, arguments: &[&str], socket: &str) -> Ran {
        let path = format!("{}:{PATH}", self.path().display());
        self.probe_in(arguments, &path, socket)
    }

    /// With nothing but the fakes.
    pub fn probe_alone(&self, arguments: &[&str]) -> Ran {
        let path = self.path().display().to_string();
        self.probe_in(arguments, &path, "/nonexistent")
    }

    fn probe_in(&self, arguments: &[&str], path: &str, socket: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_health-probe"));
        run(command
            .args(arguments)
            .env("PATH", path)
            .env("FAKES", self.path())
            .env("HEALTH_PROBE_SYSTEMD_SOCKET", socket))
    }
}
