//! Directory cases: `cases/NAME/root` is a system, `cases/NAME/expected` what the generator makes of it.
//!
//! To accept what it makes now, run with `UPDATE_EXPECTED=1` and read the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::Machine;
use health_checks::{Check, Root, Stage, find};

/// One test a directory; `every_case_has_a_test` sees to it that none is forgotten.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    both_directories,
    check_defects,
    check_order,
    check_precedence,
    check_probes,
    check_settings,
    check_syntax,
    configuration,
    contents,
    enabled,
    initrd,
    links,
    masks,
    no_plugins,
    not_checks,
    switched_off,
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name)
}

/// The system of a case, ready to run.
fn machine(name: &str) -> Machine {
    let machine = Machine::new();
    let copy = Command::new("cp")
        .arg("-a")
        .arg(directory(name).join("root/."))
        .arg(machine.root("/"))
        .status();
    assert!(copy.unwrap().success());
    machine.make_trustworthy();
    machine
}

fn run(name: &str) {
    let machine = machine(name);
    let found = format!("{}\nLog:\n{}", machine.generated(), machine.log());
    let expected = directory(name).join("expected");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    assert!(
        found == expected,
        "case '{name}' expects\n{expected}\nbut there is\n{found}"
    );
    assert_eq!(
        machine.generated(),
        found.split_once("\nLog:\n").unwrap().0,
        "a second run"
    );
}

#[test]
fn every_case_has_a_test() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<String> = std::fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, NAMES);
}

/// What came of `.check` files is nothing that systemd would complain about.
#[test]
fn systemd_accepts_every_check_file() {
    for name in NAMES.iter().filter(|name| name.starts_with("check_")) {
        machine(name).verify();
    }
}

/// What needs no privileges has few: below 5.0, which systemd calls 'OK'.
#[test]
fn sandboxed_probes_are_rated_ok() {
    let machine = machine("check_probes");
    machine.verify();
    let checks = find(&Root::at(machine.root("/")), Stage::Late).checks;
    let sandboxed: Vec<&Check> = checks.iter().filter(|check| check.sandboxed).collect();
    // Which ones: 'expected' of the case, and the manual page.
    assert!(sandboxed.len() > 5);
    let output = Command::new("systemd-analyze")
        .arg(format!("--root={}", machine.root("/").display()))
        .args(["security", "--no-pager", "--offline=true", "--threshold=49"])
        .args(sandboxed.iter().map(|check| &check.unit))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Which file counts, and in which order drop-ins do, is what systemd says it is.
#[test]
fn precedence_is_systemds() {
    let machine = machine("check_precedence");
    let found = find(&Root::at(machine.root("/")), Stage::Late);
    for name in ["all", "vendor-and-run", "vendor"] {
        let output = Command::new("systemd-analyze")
            .arg(format!("--root={}", machine.root("/").display()))
            .arg("cat-config")
            .arg(format!("health-checker/checks.d/{name}.check"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let root = machine.root("/");
        let headings = text.lines().filter_map(|line| line.strip_prefix("# /"));
        let theirs: Vec<PathBuf> = headings
            .map(|path| Path::new("/").join(path))
            .map(|path| Path::new("/").join(path.strip_prefix(&root).unwrap_or(&path)))
            // It names masks too, with nothing below.
            .filter(|path| std::fs::metadata(machine.root(path)).unwrap().len() > 0)
            .collect();
        let check = found.checks.iter().find(|check| check.name == name);
        assert_eq!(check.unwrap().sources, theirs);
    }
}

/// The same for the configuration.
#[test]
fn precedence_of_the_configuration_is_systemds() {
    let machine = machine("configuration");
    let d = "health-checker/health-checker.conf.d";
    for (path, text) in [
        (format!("/run/{d}/10-typo.conf"), "[Checks]\n"),
        (format!("/usr/lib/{d}/20-a.conf"), "[Checks]\n"),
        (format!("/etc/{d}/15-b.conf"), "[Checks]\n"),
        (format!("/usr/lib/{d}/.hidden.conf"), "[Checks]\n"),
        (format!("/usr/lib/{d}/README"), "nonsense\n"),
        ("/run/health-checker/health-checker.conf".to_owned(), ""),
    ] {
        machine.file(path, text, 0o644);
    }
    machine.link(format!("/usr/lib/{d}/30-c.conf"), "/dev/null");
    let root = machine.root("/");
    let output = Command::new("systemd-analyze")
        .arg(format!("--root={}", root.display()))
        .args(["cat-config", "health-checker/health-checker.conf"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let headings = text.lines().filter_map(|line| line.strip_prefix("# /"));
    let theirs: Vec<PathBuf> = headings
        .map(|path| Path::new("/").join(path))
        .map(|path| Path::new("/").join(path.strip_prefix(&root).unwrap_or(&path)))
        .filter(|path| !path.ends_with("30-c.conf"))
        .collect();
    let config = health_checks::config::load(&Root::at(&root));
    assert_eq!(config.files, theirs);
    assert_eq!(config.files.len(), 4);
    assert_eq!(config.ignored.len(), 1);
}

#[test]
fn a_configuration_that_others_may_write_to_does_not_count() {
    let machine = machine("configuration");
    let path = "/usr/lib/health-checker/health-checker.conf.d/20-x.conf";
    machine.file(path, "[Boot]\nActInContainer=yes\n", 0o666);
    let config = health_checks::config::load(&Root::at(machine.root("/")));
    assert!(!config.boot.act_in_container);
    let errors: Vec<String> = config.errors.iter().map(ToString::to_string).collect();
    let expected = format!("{path}: does not count: others than root may write to '{path}'");
    assert!(errors[0].starts_with(&expected), "{errors:?}");
}
