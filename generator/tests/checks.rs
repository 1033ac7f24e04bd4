//! `.check` files as the library gives them: what the runner learns, and what is fishy about files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{LOCAL, Machine, VENDOR};
use health_checks::{Check, Found, Kind, Root, Settings, Severity, Stage, define, find};
use rustix::fs::{CWD, Mode, mkfifoat};

const ETC: &str = "/etc/health-checker/checks.d";
const LIB: &str = "/usr/lib/health-checker/checks.d";
const TRUE: &str = "[Check]\nExec=/bin/true\n";

fn found(machine: &Machine, stage: Stage) -> Found {
    find(&Root::at(machine.root("/")), stage)
}

fn only(machine: &Machine) -> Check {
    let mut found = found(machine, Stage::Late);
    assert_eq!(found.checks.len(), 1, "{found:?}");
    found.checks.remove(0)
}

/// The only check, which fails because of this.
fn reason(machine: &Machine) -> String {
    let check = only(machine);
    assert_eq!(
        (check.severity, check.masked),
        (Severity::Required, false),
        "{check:?}"
    );
    assert_eq!(
        found(machine, Stage::Late)
            .warnings
            .iter()
            .filter(|warning| check.defects.contains(warning))
            .count(),
        check.defects.len()
    );
    // The runner leaves a warning about a file of a check to the check.
    assert!(
        check
            .defects
            .iter()
            .all(|defect| check.sources.contains(&defect.path))
    );
    let tree = machine.generated();
    assert!(tree.contains("ExecStart=/usr/bin/health-probe defect \""));
    assert_eq!(tree.matches("ExecStart=/").count(), 1);
    check.defects[0].to_string()
}

#[test]
fn what_the_runner_learns() {
    let machine = Machine::new();
    let text = "[Unit]\nAfter=a.service\n[Check]\nUnitActive=a.service b*.service\nSeverity=wanted\nTimeoutSec=1min\n\
                Retries=3\nRetrySec=200ms\nRestartUnits=a.service\nStopUnits=c.service d.socket\n";
    machine.file(
        "/usr/lib/health-checker/checks.d/two words.check",
        text,
        0o644,
    );
    machine.file(
        "/etc/health-checker/checks.d/two words.check.d/x.conf",
        "[Check]\nRetries=4\n",
        0o644,
    );
    let check = only(&machine);
    assert_eq!(check.name, "two words");
    assert_eq!(check.unit, r"health-check@two\x20words.service");
    assert_eq!((check.kind, check.severity), (Kind::File, Severity::Wanted));
    assert_eq!(check.source, Path::new(LIB).join("two words.check"));
    let drop_in = Path::new(ETC).join("two words.check.d/x.conf");
    assert_eq!(check.sources, [check.source.clone(), drop_in]);
    assert!(check.command.is_empty() && check.sandboxed && check.has_own_order());
    let expected = Settings {
        retries: 4,
        retry: Duration::from_millis(200),
        stable: Some(Duration::from_secs(5)),
        timeout: Some(Duration::from_secs(60)),
        restart_units: vec!["a.service".to_owned()],
        stop_units: vec!["c.service".to_owned(), "d.socket".to_owned()],
        units: vec!["a.service".to_owned(), "b*.service".to_owned()],
    };
    assert_eq!(check.settings, expected);
}

#[test]
fn settings_of_a_plugin_that_comes_later() {
    let machine = Machine::new();
    machine.file(
        "/etc/health-checker/checks.d/sshd.check",
        "[Check]\nRetries=2\n",
        0o644,
    );
    let early = found(&machine, Stage::Early);
    assert_eq!((early.checks.len(), early.ignored.len()), (0, 1));
    assert_eq!(machine.generated(), "");
    let late = only(&machine);
    assert!(
        late.defects[0]
            .text
            .starts_with("has neither 'Exec=' nor a probe")
    );
    machine.plugin(LOCAL, b"sshd");
    let check = only(&machine);
    assert_eq!((check.kind, check.settings.retries), (Kind::Plugin, 2));
    assert_eq!(check.unit, "health-check-local@sshd.service");
    assert_eq!(check.sources.len(), 2);
    assert!(check.defects.is_empty() && !check.command.is_empty());
}

#[test]
fn a_plugin_without_a_file_has_the_default_settings() {
    let machine = Machine::new();
    machine.plugin(VENDOR, b"disk");
    let check = only(&machine);
    assert_eq!(check.settings, Settings::default());
    assert_eq!((check.sources.len(), &check.sources[0]), (1, &check.source));
    assert!(!check.has_own_order());
}

#[test]
fn masks_say_what_they_are() {
    let machine = Machine::new();
    machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
    for (link, how) in [
        (
            "/etc/systemd/system/health-check@a.service",
            "'/etc/systemd/system/health-check@a.service' is a link to '/dev/null'",
        ),
        (
            "/etc/health-checker/checks.d/a.check",
            "'/etc/health-checker/checks.d/a.check' is a link to '/dev/null'",
        ),
    ] {
        machine.link(link, "/dev/null");
        let check = only(&machine);
        assert!(check.masked && check.defects.is_empty());
        assert_eq!(check.masked_by.as_deref(), Some(how));
    }
}

#[test]
fn files_that_are_none_fail_and_are_never_opened() {
    let machine = Machine::new();
    fs::create_dir_all(machine.root(ETC)).unwrap();
    let path = machine.root("/etc/health-checker/checks.d/a.check");
    machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
    mkfifoat(CWD, &path, Mode::from_raw_mode(0o644)).unwrap();
    assert_eq!(
        reason(&machine),
        format!("{ETC}/a.check: is a FIFO, not a regular file")
    );
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(reason(&machine).ends_with("is a directory, not a regular file"));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "#".repeat(70_000)).unwrap();
    assert!(reason(&machine).ends_with("is longer than 65536 bytes"));
    fs::remove_file(&path).unwrap();
    machine.link("/etc/health-checker/checks.d/a.check", "a.check");
    assert!(reason(&machine).contains("cannot follow it: Too many levels"));
    fs::remove_file(&path).unwrap();
    machine.link("/etc/health-checker/checks.d/a.check", "/srv/x");
    assert_eq!(found(&machine, Stage::Early).checks, []);
    assert!(
        only(&machine).defects[0]
            .text
            .contains("'/srv/x', which is not there")
    );
}

#[test]
fn drop_ins_that_cannot_be_read_fail_their_check() {
    for (what, text) in [
        ("directory", "is a directory"),
        ("dangling", "which is not there"),
        ("file in place", "cannot read the directory"),
    ] {
        let machine = Machine::new();
        machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
        let directory = machine.root("/etc/health-checker/checks.d/a.check.d");
        match what {
            "directory" => fs::create_dir_all(directory.join("x.conf")).unwrap(),
            "dangling" => machine.link("/etc/health-checker/checks.d/a.check.d/x.conf", "/srv/x"),
            _ => machine.file("/etc/health-checker/checks.d/a.check.d", "", 0o644),
        }
        assert!(reason(&machine).contains(text), "{}", reason(&machine));
    }
}

#[test]
fn an_unreadable_directory_hides_only_itself() {
    let machine = Machine::new();
    machine.file(ETC, "a file", 0o644);
    machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
    let found = found(&machine, Stage::Late);
    assert_eq!((found.checks.len(), found.warnings.len()), (1, 1));
    assert!(
        found.warnings[0]
            .to_string()
            .ends_with("its check files are lost")
    );
}

/// Everything on the way, and what is to be done about it.
#[test]
fn others_may_not_write_on_the_way() {
    for path in [
        "/",
        "/etc",
        "/etc/health-checker",
        ETC,
        "/etc/health-checker/checks.d/a.check",
        "/etc/health-checker/checks.d/a.check.d",
        "/etc/health-checker/checks.d/a.check.d/x.conf",
        "/opt",
        "/opt/y.conf",
    ] {
        let machine = Machine::new();
        machine.file("/etc/health-checker/checks.d/a.check", TRUE, 0o644);
        machine.file("/etc/health-checker/checks.d/a.check.d/x.conf", TRUE, 0o644);
        machine.file("/opt/y.conf", TRUE, 0o644);
        machine.link(
            "/etc/health-checker/checks.d/a.check.d/y.conf",
            "../../../../opt/y.conf",
        );
        assert_eq!(only(&machine).defects, [], "{path}");
        let mode = fs::metadata(machine.root(path))
            .unwrap()
            .permissions()
            .mode();
        fs::set_permissions(machine.root(path), Permissions::from_mode(mode | 0o020)).unwrap();
        let reason = reason(&machine);
        let expected = format!(": is not run: others than root may write to '{path}' (mode 0");
        assert!(reason.contains(&expected), "{reason}");
        assert!(reason.contains(&format!("'chmod go-w {path}'")), "{reason}");
    }
}

#[test]
fn a_plugin_that_others_may_change_is_neither_checked_nor_stopped() {
    for path in [
        "/usr",
        VENDOR,
        "/usr/libexec/health-checker/a",
        "/opt",
        "/opt/real",
    ] {
        for target in ["/opt/real", "/dev/null"] {
            let machine = Machine::new();
            machine.file("/opt/real", common::SCRIPT, 0o755);
            machine.link("/usr/libexec/health-checker/b", target);
            machine.plugin(VENDOR, b"a");
            let mode = fs::metadata(machine.root(path))
                .unwrap()
                .permissions()
                .mode();
            fs::set_permissions(machine.root(path), Permissions::from_mode(mode | 0o002)).unwrap();
            let found = found(&machine, Stage::Late);
            for check in &found.checks {
                let of_b = path.starts_with("/opt") && target == "/opt/real";
                let touched = match path {
                    "/usr" | VENDOR => true,
                    "/usr/libexec/health-checker/a" => check.name == "a",
                    _ => check.name == "b" && of_b,
                };
                assert_eq!(!check.defects.is_empty(), touched, "{path} {check:?}");
                if touched {
                    assert!(check.command.is_empty() && check.link.is_none() && !check.masked);
                }
            }
        }
    }
}

/// What any user can see of it: `files/trust.rs`.
#[test]
#[ignore = "needs root: gives files away"]
fn others_may_not_own_on_the_way() {
    for path in ["/etc", ETC, "/etc/health-checker/checks.d/a.check"] {
        let machine = Machine::new();
        machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
        machine.link("/etc/health-checker/checks.d/a.check", "/dev/null");
        assert!(only(&machine).masked);
        std::os::unix::fs::lchown(machine.root(path), Some(12345), None).unwrap();
        let reason = reason(&machine);
        let expected = format!(
            "'{path}' belongs to user 12345 instead of root; mend it with 'chown -h root {path}'"
        );
        assert!(reason.contains(&expected), "{reason}");
    }
    // Whoever owns the root directory of an image owns the system in it.
    let machine = Machine::new();
    machine.file("/usr/lib/health-checker/checks.d/a.check", TRUE, 0o644);
    for path in [
        "/",
        "/usr",
        "/usr/lib",
        "/usr/lib/health-checker",
        LIB,
        "/usr/lib/health-checker/checks.d/a.check",
    ] {
        std::os::unix::fs::lchown(machine.root(path), Some(12345), None).unwrap();
    }
    assert_eq!(only(&machine).defects, []);
}

#[test]
fn three_hundred_files_are_all_checks() {
    let machine = Machine::new();
    let text = "[Unit]\nAfter=a.service\n[Check]\nUnitActive=a.service\nRetries=3\nRestartUnits=a.service\n";
    (0..300).for_each(|n| machine.file(format!("{LIB}/c{n}.check"), text, 0o644));
    (0..100).for_each(|n| {
        machine.file(
            format!("{ETC}/c{n}.check.d/x.conf"),
            "[Check]\nRetries=5\n",
            0o644,
        )
    });
    let found = found(&machine, Stage::Late);
    assert_eq!(found.checks.len(), 300);
    assert!(found.warnings.is_empty());
}

#[test]
fn a_check_is_defined_without_any_file() {
    let files = [(PathBuf::from("/x/web.check"), TRUE.to_owned())];
    let check = define("web".as_ref(), &files);
    assert_eq!(check.exec.as_deref(), Some("/bin/true"));
    assert_eq!(define("web".as_ref(), &[]).exec, None);
}
