//! `new` below a fake root: what it writes, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use health_checks::{Root, Severity};

use super::{Options, new};
use crate::checks::observe;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(words: &[&str]) -> Options {
    let words = ["new"].iter().chain(words);
    Line::try_parse_from(words).unwrap().options
}

fn fake() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    for (path, text) in [
        ("/bin/sh", ""),
        ("/usr/lib/systemd/system/nginx.service", "[Unit]\n"),
        (
            "/usr/lib/health-checker/checks.d/vendor.check",
            "[Check]\nExec=/bin/sh\n",
        ),
        ("/usr/libexec/health-checker/plug", "#!/bin/sh\n"),
    ] {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, text).unwrap();
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    (dir, root)
}

fn refused(root: &Root, words: &[&str]) -> String {
    let error = new(root, &options(words)).unwrap_err();
    format!("{error:#}")
}

#[test]
fn every_kind_of_check_is_sound_as_it_is_written() {
    let (_dir, root) = fake();
    for (words, line) in [
        (&["nginx"][..], "\nUnitActive=nginx.service\n"),
        (&["a", "--unit", "nginx"], "\nRestartUnits=nginx.service\n"),
        (
            &["b", "--tcp", "localhost:80"],
            "\nTcpConnect=localhost:80\n",
        ),
        (
            &["c", "--http", "http://localhost/a%20b"],
            "\nHttpGet=http://localhost/a%%20b\n",
        ),
        (&["d", "--mount", "/srv"], "\nMountPoint=/srv\n"),
        (
            &["e", "--command", "/bin/sh -c 'exit 0'", "--wanted"],
            "\nSeverity=wanted\n",
        ),
    ] {
        new(&root, &options(words)).unwrap();
        let path = format!("/etc/health-checker/checks.d/{}.check", words[0]);
        let text = fs::read_to_string(root.join(&path)).unwrap();
        assert!(text.contains(line), "{words:?}: {text}");
        let mode = fs::metadata(root.join(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
    let found = observe::find(&root);
    assert_eq!(found.warnings, []);
    assert_eq!(found.checks.len(), 8);
    // What is commented out is right, too.
    for path in ["a", "c", "d"] {
        let path = root.join(format!("/etc/health-checker/checks.d/{path}.check"));
        let text = fs::read_to_string(&path).unwrap();
        let keys = [
            "StableSec",
            "Http",
            "Mount",
            "TimeoutSec",
            "Retr",
            "Condition",
        ];
        let line = |line: &str| match line.strip_prefix('#') {
            Some(rest) if keys.iter().any(|key| rest.starts_with(key)) => rest.to_owned(),
            _ => line.to_owned(),
        };
        let all: Vec<String> = text.lines().map(line).collect();
        assert!(all.iter().any(|line| line == "Retries=3"));
        fs::write(&path, all.join("\n")).unwrap();
    }
    assert_eq!(observe::find(&root).warnings, []);
}

#[test]
fn a_script_is_a_plugin_with_its_settings() {
    let (_dir, root) = fake();
    new(&root, &options(&["mine", "--script", "--wanted"])).unwrap();
    let path = root.join("/usr/local/libexec/health-checker/mine");
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o755
    );
    let found = observe::find(&root);
    let mine = found
        .checks
        .iter()
        .find(|check| check.name == "mine")
        .unwrap();
    assert_eq!(mine.severity, Severity::Wanted);
    assert_eq!(mine.unit, "health-check-local@mine.service");
    assert_eq!(found.warnings, []);
}

#[test]
fn wrong_input_is_refused_and_nothing_is_left() {
    let (_dir, root) = fake();
    for (words, part) in [
        (&["web.check", "--unit", "x"][..], "how about 'web'?"),
        (&["two words", "--unit", "x"], "how about 'two-words'?"),
        (&["../etc/passwd", "--unit", "x"], "how about 'etc-passwd'?"),
        (&["ü", "--unit", "x"], "is not a good name"),
        (&["a.bak", "--unit", "x"], "how about"),
        (&["nothing"], "There is no unit 'nothing.service'"),
        (&["a", "--tcp", "nonsense"], "'nonsense' is not HOST:PORT"),
        (&["a", "--http", "localhost"], "'localhost' is not a URL"),
        (&["a", "--mount", "srv"], "not an absolute path"),
        (&["a", "--command", "x | y"], "use '--script'"),
        (&["a", "--command", "a\nb"], "more than one line"),
        (&["vendor", "--unit", "x"], "vendor.check.d/50-local.conf"),
        // Found only after it is written.
        (
            &["plug", "--unit", "nginx"],
            "nothing is written: has a command of its own",
        ),
    ] {
        let error = refused(&root, words);
        assert!(error.contains(part), "{words:?}: {error}");
    }
    let checks = root.join("/etc/health-checker/checks.d");
    let left = fs::read_dir(checks).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn nothing_is_replaced_without_force() {
    let (_dir, root) = fake();
    let path = root.join("/etc/health-checker/checks.d/a.check");
    new(&root, &options(&["a", "--unit", "nginx"])).unwrap();
    let error = refused(&root, &["a", "--tcp", "localhost:80"]);
    assert!(
        error.contains("exists already") && error.contains("'--force'"),
        "{error}"
    );
    assert!(fs::read_to_string(&path).unwrap().contains("UnitActive="));
    new(&root, &options(&["a", "--tcp", "localhost:80", "--force"])).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("TcpConnect="));
    // One that turns out wrong does not take the good one with it.
    fs::write(root.join("/usr/libexec/health-checker/a"), "#!/bin/sh\n").unwrap();
    let plugin = root.join("/usr/libexec/health-checker/a");
    fs::set_permissions(plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let error = refused(&root, &["a", "--unit", "nginx", "--force"]);
    assert!(error.contains("nothing is written"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().contains("TcpConnect="));
}
