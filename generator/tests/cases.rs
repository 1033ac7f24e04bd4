//! Directory cases: `cases/NAME/root` is a system, `cases/NAME/expected` what the generator makes of it.
//!
//! To accept what it makes now, run with `UPDATE_EXPECTED=1` and read the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Machine;

/// One test a directory; `every_case_has_a_test` sees to it that none is forgotten.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    both_directories,
    contents,
    initrd,
    links,
    masks,
    no_plugins,
    not_checks,
    switched_off,
}

fn run(name: &str) {
    let case = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name);
    let machine = Machine::new();
    let copy = Command::new("cp")
        .arg("-a")
        .arg(case.join("root/."))
        .arg(machine.root("/"))
        .status();
    assert!(copy.unwrap().success());
    let found = format!("{}\nLog:\n{}", machine.generated(), machine.log());
    let expected = case.join("expected");
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
