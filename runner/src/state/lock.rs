//! Only one of us decides and acts at a time: the runner, the fail-safe, the deadline, the emergency hook.
//!
//! Whoever can open the file can hold the lock (flock(2)), so that only root can. Nobody waits for ever, and nobody gives
//! up because of somebody who is none of us.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use health_checks::Root;

use crate::state::runtime::DIRECTORY;
use crate::sys::lease;

/// Not 'lock': versions before 2.1 made that so that everybody could hold it.
const FILE: &str = "acting.lock";
/// The fail-safe's own time limit (units/health-checker-failsafe.service): then systemd ends it.
const OURS_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Who is none of us has no business with it.
const STRANGERS_LIMIT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Our name as the kernel has it (proc_pid_comm(5)).
const COMM: &str = "health-checker";

/// Given back when it is dropped, or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    /// A process of ours that is alive.
    Ours(u32),
    /// Another process, or nobody that can be seen.
    Stranger(Option<u32>),
}

/// Takes the lock. Waits for one of us that has it, in the lease of the service.
///
/// # Errors
/// When that one does not end in 30 minutes.
pub fn wait(root: &Root) -> Result<Option<Lock>> {
    take(root, OURS_LIMIT)
        .map_err(|pid| anyhow!("process {pid} of health-checker decides about this boot for too long; see 'systemctl status {pid}'"))
}

/// Takes the lock, or says which process of ours has it.
///
/// # Errors
/// The number of that process.
pub fn try_now(root: &Root) -> Result<Option<Lock>, u32> {
    take(root, Duration::ZERO)
}

/// Nothing where it cannot be had, or a stranger has it: that must not keep us from our work.
fn take(root: &Root, ours_limit: Duration) -> Result<Option<Lock>, u32> {
    let path = root.join(DIRECTORY).join(FILE);
    let without = |error: io::Error| {
        log::warn!("'{}': {error}; going on without this lock", path.display());
        Ok(None)
    };
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) => return without(error),
    };
    let started = Instant::now();
    let mut told = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return without(error),
        }
        let holder = holder(root, &file);
        if told.as_ref() != Some(&holder) {
            tell(&holder, &path);
        }
        match holder {
            Holder::Ours(pid) if started.elapsed() >= ours_limit => return Err(pid),
            Holder::Stranger(_) if started.elapsed() >= STRANGERS_LIMIT => return Ok(None),
            Holder::Ours(_) | Holder::Stranger(_) => {}
        }
        told = Some(holder);
        lease::renew();
        thread::sleep(TRY_AGAIN);
    }
}

fn tell(holder: &Holder, path: &Path) {
    match holder {
        Holder::Ours(pid) => {
            lease::status(&format!("Waiting for process {pid}, which decides"));
            log::info!("process {pid} of health-checker decides about this boot already");
        }
        Holder::Stranger(pid) => {
            let who = pid.map_or_else(|| "somebody".to_owned(), |pid| format!("process {pid}"));
            log::warn!(
                "{who} holds '{}' and is none of health-checker: see lslocks(8); going on without it in {} s",
                path.display(),
                STRANGERS_LIMIT.as_secs()
            );
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut options = File::options();
    options.create(true).append(true).mode(0o600);
    options.open(path)
}

/// As the kernel knows it (proc_locks(5)).
fn holder(root: &Root, file: &File) -> Holder {
    let locks = fs::read_to_string(root.join("/proc/locks")).unwrap_or_default();
    let pid = file
        .metadata()
        .ok()
        .and_then(|metadata| locked_by(&locks, metadata.dev(), metadata.ino()));
    let is_ours = |pid: &u32| {
        let process = root.join(format!("/proc/{pid}"));
        let user = rustix::process::geteuid().as_raw();
        let of_user = process
            .metadata()
            .is_ok_and(|metadata| metadata.uid() == user);
        let comm = fs::read_to_string(process.join("comm")).unwrap_or_default();
        of_user && comm.trim_end() == COMM
    };
    match pid.filter(is_ours) {
        Some(pid) => Holder::Ours(pid),
        None => Holder::Stranger(pid),
    }
}

/// `1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF`: device in hexadecimal, inode.
fn locked_by(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_held = words.next()? == "FLOCK";
        let pid = words.nth(2)?;
        (is_held && words.next()? == place).then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn root() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        (directory, root)
    }

    #[test]
    fn only_its_owner_can_open_it() {
        let (_directory, root) = root();
        let _lock = try_now(&root).unwrap().unwrap();
        let mode = root.join(DIRECTORY).join(FILE).metadata().unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_holder_is_found_among_the_locks() {
        let locks = "1: POSIX  ADVISORY  READ 5 00:19:33 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 77 00:1a:33 0 EOF\n\
            2: -> FLOCK  ADVISORY  WRITE 78 00:19:33 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 9 00:19:33 0 EOF\n\
            4: garbage\n";
        let device = rustix::fs::makedev(0, 0x19);
        assert_eq!(locked_by(locks, device, 33), Some(9));
        assert_eq!(locked_by(locks, device, 34), None);
    }

    #[test]
    fn one_of_us_is_told_and_a_stranger_does_not_keep_us_from_our_work() {
        let (_directory, root) = root();
        let held = try_now(&root).unwrap().unwrap();
        // This test is no process of ours by its name.
        let (pid, metadata) = (std::process::id(), held._file.metadata().unwrap());
        let locks = fs::read_to_string("/proc/locks").unwrap();
        assert_eq!(locked_by(&locks, metadata.dev(), metadata.ino()), Some(pid));
        let started = Instant::now();
        assert!(try_now(&root).unwrap().is_none());
        assert!(started.elapsed() >= STRANGERS_LIMIT);
        // Now it is, in this root.
        let process = root.join(format!("/proc/{pid}"));
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("comm"), "health-checker\n").unwrap();
        fs::write(root.join("/proc/locks"), locks).unwrap();
        assert_eq!(try_now(&root).unwrap_err(), pid);
    }
}
