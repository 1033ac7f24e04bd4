//! A `.check` file and its drop-ins of any content: what comes out is always a sound unit.
#![no_main]

use std::path::{Path, PathBuf};

use health_checks::parse::parse;
use health_checks::{Check, define, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let files: Vec<(PathBuf, String)> = text
        .split('\u{1e}')
        .enumerate()
        .map(|(number, text)| (PathBuf::from(format!("/x/{number}.check")), text.to_owned()))
        .collect();
    let check = define("fuzz".as_ref(), &files);
    assert_eq!(check, define("fuzz".as_ref(), &files));
    let unit = render(&check, Path::new("/run/systemd/generator"));
    check_unit(&check, &unit);
});

fn check_unit(check: &Check, unit: &str) {
    assert!(!unit.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    let headers = unit.lines().filter(|line| line.starts_with('['));
    assert_eq!(headers.collect::<Vec<_>>(), ["[Unit]", "[Service]"]);
    for (number, line) in unit.lines().enumerate() {
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        assert_eq!(backslashes % 2, 0, "goes on in the next line: {line:?}");
        let comment = line.starts_with(['#', ';']);
        assert_eq!(comment, number == 0, "a comment: {line:?}");
    }
    // Read as systemd reads it, each line is what it was meant to be.
    let parsed = parse(unit);
    assert_eq!(parsed.problems, []);
    let of = |section: &str| -> Vec<String> {
        let entries = parsed.entries.iter();
        entries
            .filter(|entry| entry.section == section)
            .map(|entry| format!("{}={}", entry.key, entry.value))
            .collect()
    };
    let trimmed = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.trim_end_matches([' ', '\t']).to_owned()).collect()
    };
    let (in_unit, in_service) = (of("Unit"), of("Service"));
    if check.defects.is_empty() {
        assert!(in_unit.ends_with(&trimmed(&check.unit_lines)));
        assert!(in_service.ends_with(&trimmed(&check.service_lines)));
    } else {
        assert!(in_unit.len() <= 3 && in_service.len() <= 5);
    }
    let commands: Vec<&String> = in_service.iter().filter(|line| line.starts_with("ExecStart=")).collect();
    assert_eq!((commands.len(), commands[0].as_str()), (2, "ExecStart="));
    if !check.defects.is_empty() || check.exec.as_deref().is_some_and(|exec| exec.starts_with("/usr/bin/health-probe ")) {
        let command = &commands[1]["ExecStart=".len()..];
        assert!(command.starts_with("/usr/bin/health-probe "), "{command}");
        // What follows '--' may be the author's own command line.
        let ours = command.split(" -- ").next().unwrap_or_default();
        words_are_closed(ours);
    }
}

/// Every word is bare or quoted as a whole, and no variable is expanded in it.
fn words_are_closed(line: &str) {
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => assert!(quoted && matches!(chars.next(), Some('\\' | '"')), "{line}"),
            '"' => quoted = !quoted,
            '$' => assert_eq!(chars.next(), Some('$'), "{line}"),
            '\'' | ';' => assert!(quoted, "{line}"),
            _ => {}
        }
    }
    assert!(!quoted, "{line}");
}
