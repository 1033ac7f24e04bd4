//! The manual page: what it shows is what the library takes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::PathBuf;

use health_checks::define;

const PAGE: &str = include_str!("../../docs/health-checker.check.5");

/// The literal blocks of the page.
fn examples() -> Vec<String> {
    let blocks = PAGE.split("\n.EX\n").skip(1);
    blocks
        .map(|block| block.split_once("\n.EE").unwrap().0)
        .map(|block| block.replace("\\-", "-").replace("\\e", "\\"))
        .collect()
}

fn defects(text: &str) -> Vec<String> {
    let files = [(PathBuf::from("/x.check"), text.to_owned())];
    let check = define("x".as_ref(), &files);
    check.defects.iter().map(ToString::to_string).collect()
}

#[test]
fn whole_files_are_right() {
    let examples = examples();
    let files: Vec<&String> = examples
        .iter()
        .filter(|text| text.contains("[Check]\n"))
        .collect();
    assert_eq!(files.len(), 4);
    for file in files {
        assert_eq!(defects(file), [""; 0], "{file}");
    }
}

#[test]
fn every_key_is_there_with_an_example_that_works() {
    let headings = PAGE.split("\n.TP\n.B ").skip(1);
    let names: Vec<&str> = headings
        .filter_map(|text| text.lines().next()?.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .collect();
    let examples = examples();
    let mut probe = "Exec=/bin/true";
    let mut seen = Vec::new();
    for example in examples
        .iter()
        .filter(|text| !text.contains(['\n', '[']) || text.starts_with("TcpConnect="))
    {
        let Some((name, _)) = example
            .split_once('=')
            .filter(|(name, _)| names.contains(name))
        else {
            continue;
        };
        seen.push(name);
        let alone = defects(&format!("[Check]\n{example}\n"));
        let with_probe = format!("[Check]\n{probe}\n{example}\n");
        if alone.iter().any(|text| text.contains("goes with")) {
            assert_eq!(defects(&with_probe), [""; 0], "{with_probe}");
        } else if alone.iter().any(|text| text.contains("needs one of")) {
            assert_eq!(alone.len(), 1, "{alone:?}");
        } else {
            assert_eq!(alone, [""; 0], "{example}");
        }
        if defects(&with_probe)
            .iter()
            .any(|text| text.contains("beside"))
            || name == "Exec"
        {
            probe = example;
        }
    }
    assert_eq!(seen, names);
}
