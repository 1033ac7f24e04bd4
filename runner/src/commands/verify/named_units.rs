//! Units that `.check` files name: those that do not exist, or are masked, are probably misspelt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use health_checks::parse::{Entry, parse};
use health_checks::{Check, Root};

use super::finding::Finding;
use crate::commands::suggest::nearest;
use crate::model::units::is_check;
use health_checks::unit_files::{self, Presence};

/// Keys with names of units.
const UNIT: [&str; 8] = [
    "After",
    "Before",
    "BindsTo",
    "PartOf",
    "Requires",
    "Requisite",
    "Upholds",
    "Wants",
];
const CHECK: [&str; 3] = ["UnitActive", "RestartUnits", "StopUnits"];
/// systemd makes units of these kinds by itself, of devices, mounts and processes.
const WITHOUT_FILE: [&str; 6] = ["device", "mount", "automount", "swap", "slice", "scope"];

/// What is odd about the units that these checks name. `known` are the checks that there are.
pub fn findings<'c>(
    root: &Root,
    known: &[Check],
    checks: impl Iterator<Item = &'c Check>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = None;
    for check in checks {
        let texts = texts(root, check);
        // Made to be skipped where its subject is not installed.
        let conditional =
            |entry: &Entry| entry.section == "Unit" && entry.key.starts_with("Condition");
        if texts
            .iter()
            .any(|(_, entries)| entries.iter().any(conditional))
        {
            continue;
        }
        for (path, entries) in texts {
            for (entry, unit) in entries.iter().flat_map(words) {
                let names = names.get_or_insert_with(|| unit_files::names(root));
                if let Some(text) = problem(root, known, names, unit) {
                    let text = format!("'{}=': {text}", entry.key);
                    findings.push(Finding::warning(&path, Some(entry.line), text));
                }
            }
        }
    }
    findings
}

/// The assignments of all files of a check that can be read; the plugin among them is none.
pub fn texts(root: &Root, check: &Check) -> Vec<(PathBuf, Vec<Entry>)> {
    let is_text = |path: &Path| {
        path.extension()
            .is_some_and(|ending| ending == "check" || ending == "conf")
    };
    let read = |path: &PathBuf| {
        let place = root.join(root.resolve(path).ok()?);
        let regular = place.metadata().is_ok_and(|metadata| metadata.is_file());
        let text = if regular {
            std::fs::read_to_string(place).ok()?
        } else {
            return None;
        };
        Some((path.clone(), parse(&text).entries))
    };
    check
        .sources
        .iter()
        .filter(|path| is_text(path))
        .filter_map(read)
        .collect()
}

/// The names in an assignment, if it has any.
fn words(entry: &Entry) -> impl Iterator<Item = (&Entry, &str)> {
    let has_units = match entry.section.as_str() {
        "Unit" => UNIT.contains(&entry.key.as_str()),
        "Check" => CHECK.contains(&entry.key.as_str()),
        _ => false,
    };
    let value = if has_units { entry.value.as_str() } else { "" };
    // Not what is a pattern or has specifiers.
    let plain = |word: &&str| !word.contains(['*', '?', '[', '%', '"', '\'']);
    value
        .split_whitespace()
        .filter(plain)
        .map(move |word| (entry, word))
}

fn problem(root: &Root, known: &[Check], names: &BTreeSet<String>, unit: &str) -> Option<String> {
    let without_file = unit
        .rsplit_once('.')
        .is_some_and(|(_, kind)| WITHOUT_FILE.contains(&kind));
    if without_file || known.iter().any(|check| check.unit == unit) {
        return None;
    }
    let missing = |near: Option<&str>| {
        let hint = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        Some(format!("there is no unit '{unit}'{hint}"))
    };
    if is_check(unit) {
        return missing(nearest(unit, known.iter().map(|check| check.unit.as_str())));
    }
    match unit_files::presence(root, unit) {
        Presence::There(_) => None,
        Presence::Masked(path) => Some(format!("'{unit}' is masked by '{}'", path.display())),
        Presence::Missing => missing(nearest(unit, names.iter().map(String::as_str))),
    }
}
