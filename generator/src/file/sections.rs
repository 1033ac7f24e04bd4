//! A file and its drop-ins as one: which lines go to systemd as they are, and which are ours.

use std::path::PathBuf;

use crate::file::keys;
use crate::finding::Warning;
use crate::syntax::parse::{Entry, parse, shown};
use crate::syntax::suggest::suggestion;

/// The sections of a `.check` file. Others that begin with `X-` are somebody else's (systemd.unit(5)).
const SECTIONS: [&str; 3] = ["Unit", "Service", "Check"];

/// Keys of ours that systemd also has in `[Service]`.
const SHARED: &str = "TimeoutSec";

/// Keys of `[Unit]` that somebody may write one section too low; besides `Condition…` and `Assert…`.
const OF_UNIT: [&str; 8] = [
    "Description",
    "Documentation",
    "After",
    "Before",
    "Requires",
    "Wants",
    "BindsTo",
    "Requisite",
];

/// An assignment, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    /// Index of the file.
    pub(crate) file: usize,
    pub(crate) entry: Entry,
}

/// All files of a check, merged.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// `Key=value` of `[Unit]`.
    pub(crate) unit: Vec<(String, String)>,
    /// `Key=value` of `[Service]`.
    pub(crate) service: Vec<(String, String)>,
    /// What is in `[Check]`, unknown keys left out.
    pub(crate) check: Vec<Assignment>,
    pub(crate) defects: Vec<Warning>,
}

/// Reads the texts of a file and its drop-ins, in the order in which they count.
pub(crate) fn merge(files: &[(PathBuf, String)]) -> Sections {
    let mut sections = Sections::default();
    for (file, (path, text)) in files.iter().enumerate() {
        let parsed = parse(text);
        let problems = parsed.problems.into_iter();
        let mut defects: Vec<Warning> = problems
            .map(|problem| Warning::at(path, problem.line, problem.text))
            .collect();
        for (section, line) in &parsed.sections {
            if !SECTIONS.contains(&section.as_str()) && !section.starts_with("X-") {
                let bracketed = |known: &str| format!("[{known}]");
                let text = format!(
                    "unknown section '[{}]'{}; [Unit], [Service] and [Check] are known",
                    shown(section),
                    suggestion(section, SECTIONS.into_iter(), bracketed)
                );
                defects.push(Warning::at(path, *line, text));
            }
        }
        for entry in parsed.entries {
            let line = entry.line;
            if let Err(text) = sections.take(file, entry) {
                defects.push(Warning::at(path, line, text));
            }
        }
        defects.sort_by_key(|defect| defect.line);
        sections.defects.append(&mut defects);
    }
    sections
}

impl Sections {
    fn take(&mut self, file: usize, entry: Entry) -> Result<(), String> {
        match entry.section.as_str() {
            "Unit" => {
                not_ours(&entry)?;
                self.unit.push((entry.key, entry.value));
            }
            "Service" => {
                not_ours(&entry)?;
                not_forbidden(&entry)?;
                self.service.push((entry.key, entry.value));
            }
            "Check" => {
                known(&entry)?;
                self.check.push(Assignment { file, entry });
            }
            // Reported by its header, or an extension of somebody else.
            _ => {}
        }
        Ok(())
    }
}

/// systemd would only log that it does not know the key, and the setting would be lost.
fn not_ours(entry: &Entry) -> Result<(), String> {
    if entry.key == SHARED || keys::find(&entry.key).is_none() {
        return Ok(());
    }
    let Entry { section, key, .. } = entry;
    Err(format!("'{key}=' in [{section}] belongs into [Check]"))
}

/// What would make a unit of which the result cannot be known.
fn not_forbidden(entry: &Entry) -> Result<(), String> {
    let text = match (entry.key.as_str(), entry.value.as_str()) {
        ("ExecStart", _) => "'ExecStart=' is not allowed in [Service]; use 'Exec=' in [Check]",
        ("Type", value) if value != "oneshot" => {
            "only 'Type=oneshot' is allowed: the end of the command is the result"
        }
        ("RemainAfterExit", value) if !matches!(value, "yes" | "true" | "1" | "on") => {
            "only 'RemainAfterExit=yes' is allowed: the result has to stay until the verdict"
        }
        _ => return Ok(()),
    };
    Err(text.to_owned())
}

fn known(entry: &Entry) -> Result<(), String> {
    let key = entry.key.as_str();
    if keys::find(key).is_some() {
        return Ok(());
    }
    if OF_UNIT.contains(&key) || key.starts_with("Condition") || key.starts_with("Assert") {
        return Err(format!("'{key}=' in [Check] belongs into [Unit]"));
    }
    let names = keys::KEYS.iter().map(|key| key.name);
    Err(format!(
        "unknown key '{}=' in [Check]{}; all keys are in health-checker.check(5)",
        shown(key),
        suggestion(key, names, |known| format!("{known}="))
    ))
}
