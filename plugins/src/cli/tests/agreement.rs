//! What a `.check` file may say and what health-probe understands is the same: the generator is asked, and then we are.

use std::fs;
use std::path::{Path, PathBuf};

use health_checks::{Check, define};

use super::super::*;

/// Where the generator says that we are.
const PROGRAM: &str = "/usr/bin/health-probe";

fn check(text: &str) -> Check {
    define(
        "x".as_ref(),
        &[(PathBuf::from("/x.check"), text.to_owned())],
    )
}

/// The words of ExecStart= as systemd hands them over (systemd.service(5)).
fn words(exec: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    let mut chars = exec.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) if word.is_none() => {
                quote = Some(c);
                word = Some(String::new());
            }
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take().map(OsString::from)),
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            ('$' | '%', _) => {
                chars.next_if_eq(&c);
                word.get_or_insert_default().push(c);
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "{exec}");
    words.extend(word.map(OsString::from));
    words
}

/// Each probe and each of its options is in these files: the generator has a test for that.
#[test]
fn every_key_of_check_files_is_understood() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../generator/tests/cases/check_probes/root/usr/lib/health-checker/checks.d");
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let check = check(&text);
        assert_eq!(check.defects, [], "{text}");
        let exec = check.exec.unwrap();
        if exec.starts_with(PROGRAM) {
            assert!(Cli::quick(&words(&exec)).is_some(), "{exec}");
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}

/// A key whose value we check as well.
struct Shared {
    key: &'static str,
    /// What it goes with, before it in the file.
    beside: &'static str,
    /// Our command with everything but the value.
    command: &'static str,
    /// Of one or two of these, values are made.
    parts: &'static [&'static str],
}

#[rustfmt::skip]
const SHARED: &[Shared] = &[
    Shared { key: "FileMaxAgeSec", beside: "FileExists=/x", command: "file /x --max-age=", parts: &[
        "0", "1", "007", "1.5", ".5", "5.", "1.0000019", "1us", "1us 1.9", "584541", "584542", "5 ", "99999999999999999999", "300", "9", ".", " ", "-", "+", ",", "e3",
        "ns", "us", "µs", "ms", "s", "sec", "m", "M", "min", "h", "d", "w", "month", "y", "years", "x", "infinity", "٣",
    ] },
    Shared { key: "TcpConnect", beside: "", command: "tcp ", parts: &[
        "localhost", "a.b", "a b", "a/b", "a@b", "a]", "[a]", "[]", "::1", "[", "]", "[::1]", ":", ":80", ":080", ":+80", ":0", ":65535", ":65536", ":x", ": 1",
        "/", "@", " ", "unix:", "unix:/x", "-", "é", "\\", "1",
    ] },
    Shared { key: "HttpGet", beside: "", command: "http ", parts: &[
        "http://", "https://", "http://a", "http://a:", "http://%%", "http://%%:", "http://a:1", "http://a/", "http://a/?", "http://a/#", "http://a@", "http://[::1]", "http://[", "HTTP://", "hTTps://", "ftp://", "http:", "a", "localhost", "[::1]", "[", "]", "[a]", "1.2.3.4", ":", ":80",
        ":0", ":65535", ":65536", ":x", ":+1", "/", "//", "?", "#", "@", "u:p@", " ", "\\", "\"", "é", "<", "{", "|", "^", "`", "_", "-", "..", "%%20", "%%",
        "~", "!", "$", "&", "'", "(", "*", "+", ",", ";", "=",
    ] },
    Shared { key: "HttpStatus", beside: "HttpGet=http://a", command: "http http://a --status=", parts: &[
        "2", "20", "200", "2xx", "20x", "2x4", "xxx", "5xx", "6xx", "599", "600", "099", "0200", "+200", "200,", "2xx, ", "x", "X", "XX", ",", ", ", " ", "-", "٣",
    ] },
    Shared { key: "HttpHeader", beside: "HttpGet=http://a", command: "http http://a --header=", parts: &[
        "Server", "X-Y", "A:a", "A: b", "é", ":", "\ta", "\u{85}a", ": ", " ", "\t", "a", "\"", "\\", "(", ",", "\u{a0}", "\u{2028}", "\u{ad}",
    ] },
    Shared { key: "DiskMinFree", beside: "DiskFree=/x", command: "disk /x --min-free=", parts: &[
        "0", "1", "007", "1.5", ".5", "5.", "5 ", "16384", "100", "100.1", "101", "16383", "99999999999999999999", ".", " ", "-", "+", "e3", "%%", "K", "k", "M",
        "G", "T", "P", "E", "B", "b", "i", "iB", "Gi", "GB", "GiB", "x", "٣",
    ] },
    Shared { key: "ProcessUser", beside: "ProcessRunning=x", command: "process x --user=", parts: &[
        "root", "www-data", "0", "65534", "4294967294", "4294967295", "99999999999", "-", "_", ".", "..", "$", "@", "+", " ", "\u{a0}", ",", ":", "/", "é", "\\",
        "\"", "!", ";", "#", "٣",
    ] },
];

/// All values of one part or two.
fn values(parts: &[&str]) -> Vec<String> {
    let pairs = parts
        .iter()
        .flat_map(|first| parts.iter().map(move |second| format!("{first}{second}")));
    let mut values: Vec<String> = parts.iter().map(ToString::to_string).chain(pairs).collect();
    // Nothing takes an assignment back, white space around it is none of its value, and a backslash joins lines.
    values.retain(|value| !value.is_empty() && value.trim() == value && !value.ends_with('\\'));
    values
}

/// Our command line with the value as a person would write it.
fn typed(shared: &Shared, value: &str) -> Vec<OsString> {
    let value = value.replace("%%", "%");
    let line = match shared.command.strip_suffix(' ') {
        Some(command) => format!("{command}\n--\n{value}"),
        None => shared.command.replace(' ', "\n") + &value,
    };
    [PROGRAM]
        .into_iter()
        .chain(line.split('\n'))
        .map(OsString::from)
        .collect()
}

#[test]
fn values_mean_the_same_to_both_or_nothing() {
    let understood = |words: &[OsString]| Cli::quick(words).map(|cli| format!("{cli:?}"));
    let mut wrong = Vec::new();
    for shared in SHARED {
        let Shared { key, beside, .. } = shared;
        for value in values(shared.parts) {
            let check = check(&format!("[Check]\n{beside}\n{key}={value}\n"));
            let exec = check.exec.filter(|_| check.defects.is_empty());
            let generated = exec.as_ref().map(|exec| understood(&words(exec)));
            let ours = understood(&typed(shared, &value));
            let agree = match &generated {
                Some(generated) => generated.is_some() && *generated == ours,
                None => ours.is_none(),
            };
            if !agree {
                wrong.push(format!(
                    "{key}={value}: {exec:?} is {generated:?}, typed {ours:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} values:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
