//! File names of every kind: what unit, text and command each of them gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::fs;

use common::{LOCAL, Machine, VENDOR};
use health_checks::{Root, Stage, ensure_link, find};

/// File name, instance, name in Description=, SourcePath= (without the directory; empty for none),
/// executable in ExecStart= (D stands for the directory, L for that of the links).
type Row = (
    &'static [u8],
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    (b"sshd.sh", "sshd.sh", "sshd.sh", "sshd.sh", "D/sshd.sh"),
    (b"v1.2.3", "v1.2.3", "v1.2.3", "v1.2.3", "D/v1.2.3"),
    (b"a-b--c", "a-b--c", "a-b--c", "a-b--c", "D/a-b--c"),
    (
        b"-leading",
        "-leading",
        "-leading",
        "-leading",
        "D/-leading",
    ),
    (
        b"two words",
        r"two\x20words",
        "two words",
        "two words",
        "\"D/two words\"",
    ),
    (
        "prüfung".as_bytes(),
        r"pr\xc3\xbcfung",
        "prüfung",
        "prüfung",
        "D/prüfung",
    ),
    (
        "検査".as_bytes(),
        r"\xe6\xa4\x9c\xe6\x9f\xbb",
        "検査",
        "検査",
        "D/検査",
    ),
    (
        b"semi;colon",
        r"semi\x3bcolon",
        "semi;colon",
        "semi;colon",
        "\"D/semi;colon\"",
    ),
    (b"#1", r"\x231", "#1", "#1", "\"D/#1\""),
    (b"a@b", r"a\x40b", "a@b", "a@b", "D/a@b"),
    (
        b"*?[x]",
        r"\x2a\x3f\x5bx\x5d",
        "*?[x]",
        "*?[x]",
        "\"D/*?[x]\"",
    ),
    (b"it's", r"it\x27s", "it's", "it's", "L/?"),
    (b"\"q\"", r"\x22q\x22", "\"q\"", "\"q\"", "L/?"),
    (b"100%i", r"100\x25i", "100%%i", "100%%i", "L/?"),
    (b"$HOME", r"\x24HOME", "$HOME", "$HOME", "L/?"),
    (br"a\x20b", r"a\x5cx20b", r"a\x20b", r"a\x20b", "L/?"),
    (br"end\", r"end\x5c", r"end\x5c", "", "L/?"),
    (b"new\nline", r"new\x0aline", "new\u{fffd}line", "", "L/?"),
    (b"tab\t", r"tab\x09", "tab\u{fffd}", "", "L/?"),
    (b"space ", r"space\x20", "space ", "", "L/?"),
    (b"\xff\xfe", r"\xff\xfe", "\u{fffd}\u{fffd}", "", "L/?"),
];

#[test]
fn every_name_in_both_directories() {
    for (directory, template) in [(VENDOR, "health-check@"), (LOCAL, "health-check-local@")] {
        for (file, instance, description, source, executable) in ROWS {
            let machine = Machine::new();
            machine.plugin(directory, file);
            let tree = machine.generated();
            assert_eq!(machine.log(), "");
            let links = machine.out().join("health-checker.links");
            let mut hash = String::new();
            if executable.starts_with("L/") {
                let link = fs::read_dir(links).unwrap().next().unwrap().unwrap();
                let plugin = std::path::PathBuf::from(format!("{directory}/"));
                let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(file);
                assert_eq!(link.path().read_link().unwrap(), plugin.join(name));
                hash = link.file_name().into_string().unwrap();
                assert_eq!(hash.len(), 16);
            } else {
                assert!(!links.exists());
            }
            let executable = executable
                .replace("D/", &format!("{directory}/"))
                .replace("L/?", &format!("@OUT@/health-checker.links/{hash}"));
            let source = match *source {
                "" => String::new(),
                source => format!("    SourcePath={directory}/{source}\n"),
            };
            let field = match instance.contains('\\') {
                true => format!("\"HEALTH_CHECK={}\"", instance.replace('\\', r"\\")),
                false => format!("HEALTH_CHECK={instance}"),
            };
            let drop_in = format!(
                "    [Unit]\n    Description=Health check {description}\n{source}    After=health-check-settle.service\n\n    [Service]\n    \
                 ExecStart=\n    ExecStart={executable} check\n    \
                 SyslogIdentifier=health-checker/{instance}\n    LogExtraFields={field}\n"
            );
            assert!(tree.contains(&drop_in), "{tree}\nlacks\n{drop_in}");
            let link = format!(
                "health-check.target.requires/{template}{instance}.service -> \
                 /usr/lib/systemd/system/{template}.service\n"
            );
            assert!(tree.contains(&link), "{tree}\nlacks\n{link}");
        }
    }
}

#[test]
fn an_odd_name_and_no_interpreter() {
    let machine = Machine::new();
    machine.file("/usr/libexec/health-checker/it's", "exit 0\n", 0o755);
    let tree = machine.generated();
    assert!(
        tree.contains("\n    ExecStart=/bin/sh @OUT@/health-checker.links/"),
        "{tree}"
    );
    let found = find(&Root::at(machine.root("/")), Stage::Early);
    let link = found.checks[0].link.as_ref().unwrap();
    let elsewhere = machine.root("/run/elsewhere");
    let command = ensure_link(&found.checks[0], &elsewhere).unwrap();
    assert_eq!(
        command,
        ["/bin/sh", link.path(&elsewhere).to_str().unwrap()]
    );
    assert_eq!(
        link.path(&elsewhere).read_link().unwrap(),
        found.checks[0].source
    );
}

#[test]
fn dangling_links_are_checks_once_the_boot_has_settled() {
    let machine = Machine::new();
    machine.link("/usr/libexec/health-checker/later", "/srv/later");
    let root = Root::at(machine.root("/"));
    let early = find(&root, Stage::Early);
    assert_eq!(
        (
            early.checks.len(),
            early.ignored.len(),
            early.warnings.len()
        ),
        (0, 1, 0)
    );
    let late = find(&root, Stage::Late);
    assert_eq!(
        (late.checks.len(), late.ignored.len(), late.warnings.len()),
        (1, 0, 1)
    );
    assert_eq!(
        late.checks[0].command,
        ["/usr/libexec/health-checker/later"]
    );
    machine.file("/srv/later", common::SCRIPT, 0o755);
    assert_eq!(find(&root, Stage::Early).checks, late.checks);
}

#[test]
fn long_names_fit_and_stay_apart() {
    let machine = Machine::new();
    for name in [
        "x".repeat(255),
        format!("{}y", "x".repeat(254)),
        "ü".repeat(127),
        "n".repeat(199),
    ] {
        machine.plugin(LOCAL, name.as_bytes());
    }
    machine.generated();
    let found = find(&Root::at(machine.root("/")), Stage::Early);
    let mut units: Vec<&str> = found
        .checks
        .iter()
        .map(|check| check.unit.as_str())
        .collect();
    units.dedup();
    assert_eq!(units.len(), 4);
    for unit in &units {
        assert!(unit.len() <= 226, "{unit}");
        assert!(
            machine
                .out()
                .join(format!("{unit}.d/50-health-checker.conf"))
                .exists()
        );
    }
    assert!(units.contains(&format!("health-check-local@{}.service", "n".repeat(199)).as_str()));
}

#[test]
fn two_names_for_one_unit_are_never_lost_in_silence() {
    let machine = Machine::new();
    let long = "x".repeat(230);
    machine.plugin(VENDOR, long.as_bytes());
    let unit = find(&Root::at(machine.root("/")), Stage::Early)
        .checks
        .remove(0)
        .unit;
    let same = unit
        .trim_start_matches("health-check@")
        .trim_end_matches(".service");
    machine.plugin(VENDOR, same.as_bytes());
    let found = find(&Root::at(machine.root("/")), Stage::Late);
    assert_eq!(found.checks.len(), 1);
    assert_eq!(found.warnings.len(), 1);
    assert!(
        found.warnings[0]
            .to_string()
            .contains("is not checked: it has the same unit name as")
    );
    assert_eq!(machine.generate().status.code(), Some(0));
    assert!(
        machine
            .warnings()
            .starts_with("<28>health-checker-generator: /usr/libexec/")
    );
}

/// systemd itself has the last word on what it takes: it must have nothing to say.
#[test]
fn systemd_accepts_every_name() {
    let machine = Machine::new();
    for directory in [VENDOR, LOCAL] {
        ROWS.iter().for_each(|row| machine.plugin(directory, row.0));
    }
    machine.verify();
}
