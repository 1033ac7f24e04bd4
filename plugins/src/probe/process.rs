//! `health-probe process`: a program runs, often enough.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::text::reason;
use crate::user::User;

/// What the kernel keeps of a process name, in bytes (TASK_COMM_LEN without the final zero).
const NAME_BYTES: usize = 15;
/// What it adds to the path of a program that was replaced by an update meanwhile.
const DELETED: &[u8] = b" (deleted)";

/// A process of this NAME runs (zombies do not count).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe process sshd\n  health-probe process /usr/sbin/nginx --min 3 --user root"
)]
pub struct Process {
    /// Name as 'ps -e' shows it, or the full path of the program
    pub name: String,
    /// At least so many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub min: u32,
    /// Whose they must be, by their real and their effective user: a name or number
    #[arg(long, value_name = "USER", value_parser = User::parse)]
    pub user: Option<User>,
}

impl Probe for Process {
    fn expected(&self) -> String {
        let user = match &self.user {
            Some(user) => format!(" as user '{user}'"),
            None => String::new(),
        };
        format!("at least {} '{}' running{user}", self.min, self.name)
    }

    /// What is read below /proc is in the kernel's memory.
    fn keeps_limit(&self) -> bool {
        true
    }

    fn look(&self, _limit: Limit) -> Look {
        let user = self.user.as_ref().map(User::id).transpose();
        let user = user.map_err(Problem::not_yet)?;
        let count = count(Path::new("/proc"), &self.name, user).map_err(|error| {
            Problem::last(format!("'/proc' cannot be read: {}", reason(&error)))
        })?;
        let mut found = match count.right {
            0 => "none".to_owned(),
            right => right.to_string(),
        };
        if count.of_others > 0 && count.right < self.min {
            found += &format!(", and {} of other users", count.of_others);
        }
        match count.right >= self.min {
            true => Ok(found),
            false => Err(Problem::not_yet(found)),
        }
    }
}

/// Processes of the name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    /// Of the right user, if it matters.
    right: u32,
    of_others: u32,
}

fn count(proc: &Path, name: &str, user: Option<u32>) -> std::io::Result<Count> {
    let own = std::process::id().to_string();
    let mut count = Count::default();
    for entry in fs::read_dir(proc)? {
        let entry = entry?;
        let pid = entry.file_name();
        let is_process = pid.as_bytes().iter().all(u8::is_ascii_digit);
        let process = entry.path();
        if !is_process || pid == OsStr::new(&own) || !is_it(&process, name) {
            continue;
        }
        match user {
            None => count.right += 1,
            // It is still the same program afterwards: a process may become another one, with more rights.
            Some(user) if runs_as(&process, user) && is_it(&process, name) => count.right += 1,
            Some(_) => count.of_others += 1,
        }
    }
    Ok(count)
}

/// `Uid: REAL EFFECTIVE …` in proc_pid_status(5). Of a program with the set-user-ID bit only the effective one is not
/// of whoever started it; and the owner of files in /proc is root for every process that wants it so.
fn runs_as(process: &Path, user: u32) -> bool {
    let status = fs::read(process.join("status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let mut lines = status.lines();
    let Some(users) = lines.find_map(|line| line.strip_prefix("Uid:")) else {
        return false;
    };
    let users: Vec<&str> = users.split_whitespace().take(2).collect();
    let user = user.to_string();
    users == [&user, &user]
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
        for (pid, stat, exe, users) in [
            ("1", "1 (systemd) S", "/usr/lib/systemd/systemd", "0\t0\t0"),
            (
                "7",
                "7 (a-very-long-nam) S",
                "/usr/bin/a-very-long-name",
                "7\t7\t7",
            ),
            ("8", "8 (web) S", "/usr/sbin/web", "0\t0\t0"),
            ("9", "9 (web) R", "/usr/sbin/web (deleted)", "33\t33\t0"),
            ("10", "10 (web) Z", "/dev/null", "0\t0\t0"),
            ("self", "8 (web) S", "/usr/sbin/web", "0\t0\t0"),
            // A set-user-ID program of root, started by another one through a link of that name.
            ("11", "11 (web) S", "/usr/bin/passwd", "1000\t0\t0"),
        ] {
            let directory = proc.path().join(pid);
            fs::create_dir(&directory).unwrap();
            let name = &stat[stat.find('(').unwrap() + 1..stat.find(')').unwrap()];
            fs::write(directory.join("comm"), format!("{name}\n")).unwrap();
            fs::write(directory.join("stat"), stat).unwrap();
            let status = format!("Name:\t{name}\nUid:\t{users}\t0\nGid:\t0\t0\t0\t0\n");
            fs::write(directory.join("status"), status).unwrap();
            symlink(exe, directory.join("exe")).unwrap();
        }
        for (name, expected) in [
            ("web", 3),
            ("/usr/sbin/web", 2),
            // The kernel keeps 15 bytes of it.
            ("a-very-long-name", 1),
            ("systemd", 1),
            ("we", 0),
        ] {
            let found = count(proc.path(), name, None).unwrap();
            let (right, of_others) = (expected, 0);
            assert_eq!(found, Count { right, of_others }, "{name}");
        }
        for (name, user, right, of_others) in [
            ("web", 0, 1, 2),
            ("/usr/sbin/web", 0, 1, 1),
            ("web", 33, 1, 2),
            ("web", 1000, 0, 3),
            ("a-very-long-name", 7, 1, 0),
            ("nothing", 0, 0, 0),
        ] {
            let found = count(proc.path(), name, Some(user)).unwrap();
            assert_eq!(found, Count { right, of_others }, "{name} {user}");
        }
    }
}
