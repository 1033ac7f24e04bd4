//! `health-probe process`: a program runs, often enough.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::outcome::{Look, Probe, Problem};

/// What the kernel keeps of a process name, in bytes (TASK_COMM_LEN without the final zero).
const NAME_BYTES: usize = 15;
/// What it adds to the path of a program that was replaced by an update meanwhile.
const DELETED: &[u8] = b" (deleted)";

/// A process of this NAME runs (zombies do not count).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe process sshd\n  health-probe process /usr/sbin/nginx --min 3"
)]
pub struct Process {
    /// Name as 'ps -e' shows it, or the full path of the program
    pub name: String,
    /// At least so many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub min: u32,
}

impl Probe for Process {
    fn expected(&self) -> String {
        format!("at least {} '{}' running", self.min, self.name)
    }

    /// What is read below /proc is in the kernel's memory.
    fn keeps_limit(&self) -> bool {
        true
    }

    fn look(&self, _limit: Duration) -> Look {
        let found = count(Path::new("/proc"), &self.name)
            .map_err(|error| Problem::last(format!("'/proc' cannot be read: {error}")))?;
        match found {
            0 => Err(Problem::not_yet("none")),
            _ if found < self.min => Err(Problem::not_yet(found.to_string())),
            _ => Ok(found.to_string()),
        }
    }
}

fn count(proc: &Path, name: &str) -> std::io::Result<u32> {
    let own = std::process::id().to_string();
    let mut count = 0;
    for entry in fs::read_dir(proc)? {
        let entry = entry?;
        let pid = entry.file_name();
        let is_process = pid.as_bytes().iter().all(u8::is_ascii_digit);
        if is_process && pid != OsStr::new(&own) && is_it(&entry.path(), name) {
            count += 1;
        }
    }
    Ok(count)
}

/// A process that ends while we look at it is simply not there.
fn is_it(process: &Path, name: &str) -> bool {
    if name.starts_with('/') {
        let program = fs::read_link(process.join("exe")).unwrap_or_default();
        let bytes = program.as_os_str().as_bytes();
        return bytes.strip_suffix(DELETED).unwrap_or(bytes) == name.as_bytes();
    }
    // The state costs the kernel more than the name: it is asked of those only that have the name.
    let wanted = &name.as_bytes()[..name.len().min(NAME_BYTES)];
    let found = fs::read(process.join("comm")).unwrap_or_default();
    found.strip_suffix(b"\n") == Some(wanted)
        && state(&fs::read(process.join("stat")).unwrap_or_default()).is_some_and(|it| it != b'Z')
}

/// `17 (name) S …`: the name may itself have brackets and spaces.
fn state(stat: &[u8]) -> Option<u8> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(close + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn names_may_have_anything_in_them() {
        assert_eq!(state(b"1 (a) S 0"), Some(b'S'));
        assert_eq!(state(b"1 (a) b (c)) Z 0"), Some(b'Z'));
        for odd in [&b""[..], b"(", b")(", b"1 (a", b"1 (a)"] {
            assert_eq!(state(odd), None);
        }
    }

    #[test]
    fn processes_are_counted_by_name_or_path() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, stat, exe) in [
            ("1", "1 (systemd) S", "/usr/lib/systemd/systemd"),
            ("7", "7 (a-very-long-nam) S", "/usr/bin/a-very-long-name"),
            ("8", "8 (web) S", "/usr/sbin/web"),
            ("9", "9 (web) R", "/usr/sbin/web (deleted)"),
            ("10", "10 (web) Z", "/dev/null"),
            ("self", "8 (web) S", "/usr/sbin/web"),
        ] {
            let directory = proc.path().join(pid);
            fs::create_dir(&directory).unwrap();
            let name = &stat[stat.find('(').unwrap() + 1..stat.find(')').unwrap()];
            fs::write(directory.join("comm"), format!("{name}\n")).unwrap();
            fs::write(directory.join("stat"), stat).unwrap();
            symlink(exe, directory.join("exe")).unwrap();
        }
        for (name, expected) in [
            ("web", 2),
            ("/usr/sbin/web", 2),
            // The kernel keeps 15 bytes of it.
            ("a-very-long-name", 1),
            ("systemd", 1),
            ("we", 0),
        ] {
            assert_eq!(count(proc.path(), name).unwrap(), expected, "{name}");
        }
    }
}
