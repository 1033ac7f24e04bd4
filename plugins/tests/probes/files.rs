//! file, disk, mount and process, on this machine.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::harness::{Ran, probe, users};

#[test]
fn file_looks_at_existence_content_and_age() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a file");
    let name = path.to_str().unwrap();
    probe(&["file", name, "--timeout", "0"]).unhealthy(&[name, "to exist; found no such file"]);
    probe(&["file", name, "--missing"]).healthy(&["not to exist; found no such file"]);
    fs::write(&path, "one\nstate=ready\r\nthree\n").unwrap();
    probe(&["file", name]).healthy(&["found a file"]);
    probe(&["file", name, "--missing", "--timeout", "0"]).unhealthy(&["found a file there"]);
    probe(&["file", name, "--contains", "^state=(ready|done)$"]).healthy(&["with that content"]);
    probe(&["file", name, "--contains", "state=re"]).healthy(&[]);
    probe(&["file", name, "--contains", "^ready", "--timeout", "0"])
        .unhealthy(&["no such content"]);
    probe(&["file", name, "--max-age", "1h"])
        .healthy(&["within the last 1h; found a file, changed"]);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(7260))
        .unwrap();
    probe(&["file", name, "--max-age", "1h", "--timeout", "0"]).unhealthy(&["changed 2h 1min ago"]);
    let inside = format!("{name}/inside");
    probe(&["file", &inside, "--missing"]).healthy(&[]);
}

#[test]
fn file_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("late");
    let name = path.to_str().unwrap().to_string();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(600));
        fs::write(path, "ready").unwrap();
    });
    probe(&["file", &name, "--contains", "ready"])
        .healthy(&[])
        .took(0.5, 5.0);
    late.join().unwrap();
}

#[test]
fn file_never_opens_a_fifo() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    mkfifoat(CWD, &path, Mode::RUSR).unwrap();
    let name = path.to_str().unwrap();
    probe(&["file", name]).healthy(&["a special file"]);
    probe(&["file", name, "--contains", "x", "--timeout", "0"])
        .unhealthy(&["a special file, which has no content"])
        .took(0.0, 2.0);
}

#[test]
fn disk_compares_what_is_free() {
    probe(&["disk", "/tmp", "--min-free", "1", "--min-inodes", "0"])
        .healthy(&["at least 1 free and 0 inodes", "%"]);
    probe(&["disk", "/tmp", "--min-free", "0.001%"]).healthy(&["0.001% free on '/tmp'"]);
    probe(&["disk", "/tmp", "--min-free", "9000P", "--timeout", "0"])
        .unhealthy(&["at least 9000P free", ") free"]);
    probe(&["disk", "/tmp", "--min-free", "100%", "--timeout", "0"])
        .unhealthy(&["at least 100% free"]);
    // /dev has no device, but inodes; /proc has no limit of them.
    probe(&["disk", "/proc", "--min-inodes", "5%"]).healthy(&["no limit of inodes"]);
    probe(&["disk", "/nonexistent", "--min-free", "1", "--timeout", "0"])
        .unhealthy(&["No such file"]);
    probe(&["disk", "/proc", "--min-unallocated", "1G"]).usage(&[
        "for btrfs",
        "'/proc'",
        "'--min-free'",
    ]);
}

#[test]
#[ignore = "needs root: mounts a btrfs"]
fn disk_knows_what_a_btrfs_has_not_allocated() {
    let machine = Mounted::btrfs();
    let point = machine.point();
    probe(&["disk", point, "--min-unallocated", "1M"])
        .healthy(&["at least 1M unallocated", ") unallocated"]);
    probe(&["disk", point, "--min-unallocated", "1G", "--timeout", "0"])
        .unhealthy(&["at least 1G unallocated"]);
    probe(&["disk", point, "--min-inodes", "5%"]).healthy(&["no limit of inodes"]);
    probe(&["mount", point, "--type", "btrfs", "--writable"]).healthy(&["as 'btrfs', writable"]);
    assert!(
        Command::new("mount")
            .args(["-o", "remount,ro", point])
            .status()
            .unwrap()
            .success()
    );
    probe(&["mount", point]).healthy(&["as 'btrfs'"]);
    probe(&["mount", point, "--writable", "--timeout", "0"]).unhealthy(&["mounted read-only"]);
}

#[test]
fn mount_is_really_a_mount() {
    probe(&["mount", "/proc", "--type", "proc", "--source", "proc"]).healthy(&["'proc' as 'proc'"]);
    probe(&["mount", "/proc/"]).healthy(&[]);
    probe(&["mount", "/proc", "--type", "ext4", "--timeout", "0"])
        .unhealthy(&["as 'ext4'; found 'proc' as 'proc'"]);
    probe(&["mount", "/proc", "--source", "/dev/null", "--timeout", "0"])
        .unhealthy(&["found 'proc' mounted there"]);
    probe(&["mount", "/etc/ssl", "--timeout", "0"])
        .unhealthy(&["'/etc/ssl' mounted; found nothing mounted there"]);
    probe(&["mount", "/nonexistent", "--timeout", "0"]).unhealthy(&["no such directory"]);
    // Its options say 'rw', but nobody can write there.
    probe(&["mount", "/proc", "--writable", "--timeout", "0"]).unhealthy(&["but writing fails"]);
}

#[test]
fn process_counts_by_name_and_path() {
    let mut sleeper = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", sleeper.id())).unwrap();
    probe(&["process", "sleep"]).healthy(&["at least 1 'sleep' running"]);
    probe(&["process", program.to_str().unwrap()]).healthy(&[]);
    probe(&["process", "sleep", "--min", "5000", "--timeout", "0"]).unhealthy(&["at least 5000"]);
    probe(&["process", "no-such-thing", "--timeout", "0"]).unhealthy(&["found none"]);
    probe(&["process", "health-probe", "--timeout", "0", "--min", "4000"]).unhealthy(&[]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

/// Any user can give a process any name; whose it is, only the kernel says.
#[test]
fn process_knows_whose_it_is() {
    let (own, other) = users();
    let directory = tempfile::tempdir().unwrap();
    let mut process = sleeper(directory.path(), "hc-own", 0o755, &own);
    ask("hc-own", &own).healthy(&[&format!(
        "at least 1 'hc-own' running as user '{own}'; found 1"
    )]);
    ask("hc-own", &other).unhealthy(&["found none, and 1 of other users"]);
    let path = directory.path().join("hc-own");
    ask(path.to_str().unwrap(), &own).healthy(&[]);
    ask(path.to_str().unwrap(), &other).unhealthy(&["found none, and 1 of other users"]);
    ask("hc-own", "no-such-user").unhealthy(&["no user 'no-such-user' on this machine"]);
    ask("hc-own", "a,b").usage(&["'a,b'", "'root'"]);
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
#[ignore = "needs root: starts programs as another user"]
fn process_knows_who_started_it() {
    const NOBODY: &str = "65534";
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let start = |name, bits, user| sleeper(directory.path(), name, bits, user);
    let mut processes = [
        start("hc-of-root", 0o755, "0"),
        start("hc-of-nobody", 0o755, NOBODY),
        // Effectively root, but who has started it chose its name.
        start("hc-set-user-id", 0o4755, NOBODY),
    ];
    ask("hc-of-root", "root").healthy(&["at least 1 'hc-of-root' running as user 'root'; found 1"]);
    ask("hc-of-root", NOBODY).unhealthy(&["found none, and 1 of other users"]);
    ask("hc-of-nobody", NOBODY).healthy(&[]);
    ask("hc-of-nobody", "root").unhealthy(&["found none, and 1 of other users"]);
    ask("hc-set-user-id", "root").unhealthy(&["found none, and 1 of other users"]);
    for process in &mut processes {
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

/// Whether a process of the name runs as the user, by its name or number.
fn ask(name: &str, user: &str) -> Ran {
    probe(&["process", name, "--user", user, "--timeout", "0"])
}

/// A program of this name and mode that sleeps, started by the user of this number.
fn sleeper(directory: &Path, name: &str, bits: u32, user: &str) -> Child {
    let program = directory.join(name);
    fs::copy("/bin/sleep", &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(bits)).unwrap();
    let user = user.parse().unwrap();
    Command::new(program).arg("60").uid(user).spawn().unwrap()
}

/// A small btrfs in a file, mounted.
struct Mounted(tempfile::TempDir, String);

impl Mounted {
    fn btrfs() -> Mounted {
        let directory = tempfile::tempdir().unwrap();
        let (image, point) = (
            directory.path().join("image"),
            directory.path().join("a mount"),
        );
        File::create(&image).unwrap().set_len(256 << 20).unwrap();
        fs::create_dir(&point).unwrap();
        assert!(
            Command::new("mkfs.btrfs")
                .arg("-q")
                .arg(&image)
                .status()
                .unwrap()
                .success()
        );
        assert!(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(&point)
                .status()
                .unwrap()
                .success()
        );
        let point = point.to_str().unwrap().to_string();
        Mounted(directory, point)
    }

    fn point(&self) -> &str {
        &self.1
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.1).status();
        let _ = self.0.path();
    }
}
