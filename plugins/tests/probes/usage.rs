//! Wrong usage: status 2, and the right form named.

use crate::harness::probe;

#[test]
fn wrong_usage_names_the_right_form() {
    for (arguments, parts) in [
        (&[][..], &["Usage: health-probe"][..]),
        (&["htpp", "http://localhost"], &["'htpp'", "'http'"]),
        (&["tcp"], &["<ADDRESS>", "Usage: health-probe tcp"]),
        (
            &["tcp", "localhost"],
            &["'localhost'", "the port is missing", "HOST:PORT"],
        ),
        (
            &["tcp", "localhost:22", "--timeout", "5x"],
            &["'5x'", "'1min 30s'"],
        ),
        (
            &["tcp", "localhost:22", "--timeout", "infinity"],
            &["'infinity'"],
        ),
        (
            &["tcp", "localhost:22", "--time-out", "5"],
            &["'--timeout'"],
        ),
        (&["http", "localhost"], &["'http://localhost/healthz'"]),
        (&["http", "http://localhost", "--status", "ok"], &["'2xx'"]),
        (
            &["http", "http://localhost", "--header", "X"],
            &["'NAME: VALUE'"],
        ),
        (
            &["http", "http://localhost", "--ca", "x", "--insecure"],
            &["cannot be used with"],
        ),
        (&["dns", "localhost", "--address", "home"], &["'home'"]),
        (&["file", "/x", "--contains", "("], &["'('", "plain text"]),
        (
            &["file", "/x", "--missing", "--max-age", "1d"],
            &["cannot be used with"],
        ),
        (&["disk", "/"], &["--min-free"]),
        (&["disk", "/", "--min-free", "lots"], &["'lots'", "'2G'"]),
        (&["mount", "var"], &["the full path"]),
        (&["process", "x", "--min", "0"], &["'0'"]),
        (&["command-output", "true"], &["--", "Usage"]),
        (&["unit"], &["<UNIT>"]),
        (&["container"], &["<NAME>"]),
        (&["defect"], &["<TEXT>"]),
    ] {
        probe(arguments).usage(parts);
    }
}

#[test]
fn a_defect_is_its_text() {
    let ran = probe(&["defect", "web.check:3:", "--unknown key", "'Foo'\n"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert_eq!(ran.stderr, "web.check:3: --unknown key 'Foo' \n");
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["--version"], &["tcp", "--help"]] {
        let ran = probe(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        assert!(ran.stdout.contains("health-probe"));
    }
}
