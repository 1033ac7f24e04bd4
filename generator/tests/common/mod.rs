//! A fake system in a temporary directory, and the generator run on it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test may fail; not every test needs all"
)]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use health_checks::name::readable;
use health_checks::{Content, Root, Stage, TARGET, files, find};
use tempfile::TempDir;

pub(crate) const VENDOR: &str = "/usr/libexec/health-checker";
pub(crate) const LOCAL: &str = "/usr/local/libexec/health-checker";
pub(crate) const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

/// A root with an empty kernel log, and an output directory beside it.
pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::below(std::env::temp_dir())
    }

    /// For many files: on a busy disk they take longer than the 5 s that the generator gives itself.
    pub(crate) fn in_memory() -> Self {
        Self::below("/dev/shm")
    }

    fn below(directory: impl AsRef<Path>) -> Self {
        let machine = Self {
            dir: tempfile::tempdir_in(directory).unwrap(),
        };
        fs::create_dir_all(machine.root("/dev")).unwrap();
        fs::write(machine.root("/dev/kmsg"), "").unwrap();
        fs::create_dir(machine.out()).unwrap();
        machine
    }

    /// The place of a file that the fake system calls `path`.
    pub(crate) fn root(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir
            .path()
            .join("root")
            .join(path.as_ref().strip_prefix("/").unwrap())
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Writes a file, its directory before it, with these permissions.
    pub(crate) fn file(&self, path: impl AsRef<Path>, content: &str, mode: u32) {
        let path = self.root(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    /// Takes away what a checkout under another umask or user may have brought.
    pub(crate) fn make_trustworthy(&self) {
        let status = Command::new("chmod")
            .args(["-R", "go-w"])
            .arg(self.root("/"))
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn plugin(&self, directory: &str, name: &[u8]) {
        self.file(
            Path::new(directory).join(OsStr::from_bytes(name)),
            SCRIPT,
            0o755,
        );
    }

    pub(crate) fn link(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) {
        let path = self.root(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target.as_ref(), path).unwrap();
    }

    /// The generator with `--root` and nothing else; add what the test is about.
    pub(crate) fn generator(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_health-checker-generator"));
        command.env_clear().arg("--root").arg(self.root("/"));
        command
    }

    /// Runs it as systemd does.
    pub(crate) fn generate(&self) -> Output {
        self.generator()
            .arg(self.out())
            .args(["/nonexistent/early", "/nonexistent/late"])
            .output()
            .unwrap()
    }

    /// Runs it, demands success and silence on stderr, and returns what it wrote.
    pub(crate) fn generated(&self) -> String {
        let output = self.generate();
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
        self.tree()
    }

    /// The output directory as text: one line a link, a file with its content, sorted.
    pub(crate) fn tree(&self) -> String {
        let mut lines = Vec::new();
        walk(&self.out(), &self.out(), &mut lines);
        lines
            .concat()
            .replace(self.out().to_str().unwrap(), "@OUT@")
    }

    /// Generates the units and lets systemd-analyze(1) look at all of them, which must find nothing.
    pub(crate) fn verify(&self) {
        let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../units");
        for unit in fs::read_dir(units).unwrap().map(Result::unwrap) {
            let content = fs::read_to_string(unit.path()).unwrap();
            let content = content.replace("@SBINDIR@", "/usr/sbin");
            let content = content.replace("@LIBDIR@", "/usr/lib/health-checker");
            let name = unit.file_name().into_string().unwrap();
            self.file(format!("/usr/lib/systemd/system/{name}"), &content, 0o644);
        }
        // What our units and those of the cases name of others'.
        let targets = "sysinit basic local-fs shutdown multi-user boot-complete emergency rescue";
        for target in targets.split(' ') {
            let path = format!("/usr/lib/systemd/system/{target}.target");
            self.file(path, "[Unit]\n", 0o644);
        }
        let service = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/bin/env\n";
        self.file("/usr/lib/systemd/system/a.service", service, 0o644);
        let programs =
            "bin/env bin/sh bin/health-probe sbin/health-checker lib/health-checker/rescue";
        for program in programs.split(' ') {
            self.file(format!("/usr/{program}"), SCRIPT, 0o755);
        }
        for program in ["/bin/true", "/bin/echo"] {
            self.file(program, SCRIPT, 0o755);
        }
        let checks = find(&Root::at(self.root("/")), Stage::Early).checks;
        let directory = Path::new("/etc/systemd/system");
        for check in &checks {
            for (path, content) in files(check, directory, &check.dependency_directory(TARGET)) {
                match content {
                    Content::Text(text) => self.file(path, &text, 0o644),
                    Content::Link(target) if !self.root(&path).is_symlink() => {
                        self.link(path, target);
                    }
                    Content::Link(_) => {}
                }
            }
        }
        let units = checks.iter().filter(|check| !check.masked);
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(format!("--root={}", self.root("/").display()))
            .args(["health-checker.service", "health-check-late.target"])
            .args(units.map(|check| &check.unit))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }

    /// The lines in the kernel log, without the process id.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.root("/dev/kmsg")).unwrap();
        let line = |line: &str| {
            let (head, tail) = line.split_once('[').unwrap();
            format!("{head}{}\n", tail.split_once(']').unwrap().1)
        };
        log.lines().map(line).collect()
    }

    /// As [`Machine::log`], without the lines for debugging.
    pub(crate) fn warnings(&self) -> String {
        self.log()
            .lines()
            .filter(|line| !line.starts_with("<31>"))
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn walk(top: &Path, directory: &Path, lines: &mut Vec<String>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let shown = readable(path.strip_prefix(top).unwrap().as_os_str());
        if let Ok(target) = path.read_link() {
            lines.push(format!("{shown} -> {}\n", readable(target.as_os_str())));
        } else if path.is_dir() {
            walk(top, &path, lines);
        } else {
            let content = fs::read_to_string(&path).unwrap();
            let indented = content
                .lines()
                .map(|line| format!("    {line}\n").replace("    \n", "\n"));
            lines.push(format!("{shown}\n{}", indented.collect::<String>()));
        }
    }
}
