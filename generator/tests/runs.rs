//! Ways to call the generator, and what may be wrong around it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{LOCAL, Machine, SCRIPT, VENDOR, text};
use rustix::fs::{CWD, Mode, mkfifoat};

fn with_one_plugin() -> Machine {
    let machine = Machine::new();
    machine.plugin(VENDOR, b"disk");
    machine
}

fn fifo(machine: &Machine, path: &str) {
    let path = machine.root(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mkfifoat(CWD, path, Mode::from_raw_mode(0o755)).unwrap();
}

#[test]
fn one_directory_stands_for_three() {
    let machine = with_one_plugin();
    let output = machine.generator().arg(machine.out()).output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    let tree = machine.tree();
    assert!(tree.contains("ExecStart=/usr/libexec/health-checker/disk check\n"));
    assert_eq!(machine.generated(), tree);
}

#[test]
fn wrong_calls_write_nothing() {
    for arguments in [
        &[][..],
        &["/a", "/b"],
        &["--nonsense"],
        &["--dry-run", "/a"],
    ] {
        let output = Machine::new().generator().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).ends_with("; see --help\n"));
    }
}

#[test]
fn the_environment_counts() {
    let machine = with_one_plugin();
    let run = |name: &str, value: &str| {
        fs::remove_dir_all(machine.out()).unwrap();
        fs::create_dir(machine.out()).unwrap();
        let status = machine
            .generator()
            .arg(machine.out())
            .env(name, value)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0));
        machine.tree().is_empty()
    };
    assert!(run("SYSTEMD_IN_INITRD", "1"));
    assert!(run("SYSTEMD_SCOPE", "user"));
    assert!(!run("SYSTEMD_SCOPE", "system"));
    assert!(!run("SYSTEMD_IN_INITRD", "0"));
    // What systemd says is newer knowledge than a file.
    machine.file("/etc/initrd-release", "", 0o644);
    assert!(!run("SYSTEMD_IN_INITRD", "0"));
    assert!(run("SYSTEMD_SCOPE", "system"));
}

#[test]
fn a_thousand_plugins() {
    let machine = Machine::in_memory();
    (0..1000).for_each(|n| machine.plugin(VENDOR, format!("check-{n}").as_bytes()));
    let tree = machine.generated();
    assert_eq!(
        tree.matches("\n    ExecStart=/usr/libexec/health-checker/check-")
            .count(),
        1000
    );
    assert_eq!(tree.matches("health-check.target.requires/").count(), 1000);
}

#[test]
fn an_unreadable_directory_hides_only_itself() {
    for target in [
        None,
        Some("/usr/libexec/health-checker"),
        Some("/dev/kmsg/x"),
    ] {
        let machine = Machine::new();
        machine.plugin(LOCAL, b"disk");
        match target {
            None => machine.file(VENDOR, "a file", 0o644),
            Some(target) => machine.link(VENDOR, target),
        }
        assert!(
            machine
                .generated()
                .contains("ExecStart=/usr/local/libexec/health-checker/disk check\n")
        );
        let start = "<28>health-checker-generator: /usr/libexec/health-checker: cannot read the directory: ";
        assert!(machine.log().starts_with(start), "{}", machine.log());
        assert!(machine.log().ends_with("; its plugins are not checked\n"));
    }
}

#[test]
fn an_output_directory_that_cannot_be_written_is_told_for_each_check() {
    let machine = with_one_plugin();
    machine.plugin(LOCAL, b"web");
    fs::remove_dir(machine.out()).unwrap();
    fs::write(machine.out(), "a file").unwrap();
    assert_eq!(machine.generate().status.code(), Some(1));
    let log = machine.log();
    assert_eq!(log.lines().count(), 2);
    for name in ["disk", "web"] {
        assert!(log.contains(&format!(
            "<27>health-checker-generator: check '{name}': cannot write '"
        )));
    }
}

#[test]
fn one_file_that_cannot_be_written_leaves_the_others() {
    let machine = with_one_plugin();
    machine.plugin(VENDOR, b"web");
    fs::write(
        machine.out().join("health-check@disk.service.d"),
        "a file in its place",
    )
    .unwrap();
    assert_eq!(machine.generate().status.code(), Some(1));
    let tree = machine.tree();
    assert!(tree.contains("ExecStart=/usr/libexec/health-checker/web check\n"));
    // Nothing starts what is not complete: it is made again when the boot has settled.
    assert!(!tree.contains("health-check.target.requires/health-check@disk.service"));
    assert_eq!(machine.log().lines().count(), 1);
}

#[test]
fn what_is_there_already_and_differs_is_replaced() {
    let machine = with_one_plugin();
    let right = machine.generated();
    let drop_in = machine
        .out()
        .join("health-check@disk.service.d/50-health-checker.conf");
    let link = machine
        .out()
        .join("health-check.target.requires/health-check@disk.service");
    fs::write(&drop_in, "old").unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/elsewhere", &link).unwrap();
    assert_eq!(machine.generated(), right);
}

#[test]
fn fifos_sockets_and_directories_are_never_opened() {
    let machine = with_one_plugin();
    fifo(&machine, "/usr/libexec/health-checker/pipe");
    machine.link("/usr/libexec/health-checker/to-pipe", "pipe");
    std::os::unix::net::UnixListener::bind(machine.root("/usr/libexec/health-checker/socket"))
        .unwrap();
    fs::create_dir(machine.root("/usr/libexec/health-checker/directory")).unwrap();
    let start = Instant::now();
    assert_eq!(machine.generated().matches("ExecStart=/").count(), 1);
    assert!(start.elapsed() < Duration::from_secs(4));
    let ignored = "<31>health-checker-generator: ignored /usr/libexec/health-checker/";
    let expected: String = [
        "directory: is a directory",
        "pipe: is a FIFO",
        "socket: is a socket",
        "to-pipe: is a FIFO",
    ]
    .iter()
    .map(|what| format!("{ignored}{what}, not a regular file\n"))
    .collect();
    assert_eq!(machine.log(), expected);
}

#[test]
fn without_a_kernel_log_stderr_is_used() {
    for fifo_in_place in [false, true] {
        let machine = Machine::new();
        machine.file(VENDOR, "a file", 0o644);
        fs::remove_file(machine.root("/dev/kmsg")).unwrap();
        if fifo_in_place {
            fifo(&machine, "/dev/kmsg");
        }
        let output = machine.generate();
        assert_eq!(output.status.code(), Some(0));
        assert!(
            text(&output.stderr)
                .contains("/usr/libexec/health-checker: cannot read the directory: ")
        );
    }
}

/// The kernel command line is a FIFO that nobody writes to: as good as a file system that hangs.
#[test]
fn a_hang_is_cut_off_and_named() {
    let machine = with_one_plugin();
    fifo(&machine, "/proc/cmdline");
    let start = Instant::now();
    assert_eq!(machine.generate().status.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(
        machine
            .log()
            .starts_with("<27>health-checker-generator: gave up after 5 s at '/proc/cmdline'")
    );
}

#[test]
fn a_dry_run_prints_and_writes_nothing() {
    let machine = with_one_plugin();
    machine.plugin(LOCAL, b"it's");
    machine.file("/usr/libexec/health-checker/README", "", 0o644);
    machine.file("/proc/cmdline", "health-checker=0", 0o644);
    let output = machine.generator().arg("--dry-run").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed = text(&output.stdout);
    for line in [
        "--- /run/systemd/generator/health-check.target.requires/health-check@disk.service -> \
         /usr/lib/systemd/system/health-check@.service\n",
        "--- /run/systemd/generator/health-check@disk.service.d/50-health-checker.conf\n# Generated by ",
        "ExecStart=/usr/libexec/health-checker/disk check\n",
        "ExecStart=/run/systemd/generator/health-checker.links/",
    ] {
        assert!(printed.contains(line), "{printed}\nlacks {line}");
    }
    let said = text(&output.stderr);
    assert!(said.contains("ignored /usr/libexec/health-checker/README: is not executable"));
    assert!(said.contains("'health-checker=0'"));
    assert_eq!(
        (machine.tree(), machine.log()),
        (String::new(), String::new())
    );
    assert_eq!(
        machine
            .generator()
            .arg("--dry-run")
            .output()
            .unwrap()
            .stdout,
        output.stdout
    );
}

#[test]
fn hidden_and_backup_files_are_not_even_mentioned() {
    let machine = with_one_plugin();
    let expected = machine.generated();
    for ending in [
        "~",
        ".bak",
        ".rpmnew",
        ".rpmsave",
        ".rpmorig",
        ".swp",
        ".orig",
        ".dpkg-old",
        ".dpkg-new",
    ] {
        machine.plugin(VENDOR, format!("disk{ending}").as_bytes());
        machine.plugin(LOCAL, format!(".disk{ending}").as_bytes());
    }
    machine.plugin(VENDOR, b".hidden");
    assert_eq!(machine.generated(), expected);
    assert_eq!(machine.log(), "");
}

#[test]
fn unexecutable_scripts_become_checks_when_made_executable() {
    let machine = Machine::new();
    machine.file("/usr/libexec/health-checker/x", SCRIPT, 0o644);
    assert_eq!(machine.generated(), "");
    machine.file("/usr/libexec/health-checker/x", SCRIPT, 0o744);
    assert!(machine.generated().contains("health-check@x.service"));
}
