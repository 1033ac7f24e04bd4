//! The last lines that a check logged: they go into the incident, because the journal of a rolled back boot may be
//! gone by the time somebody reads about it.

use anyhow::Result;
use systemd::journal::{JournalSeek, OpenOptions};

/// So many lines are kept for a failed check.
const LINES: usize = 20;
/// A line is cut after so many characters.
const LINE_LENGTH: usize = 500;

/// The last lines of a unit in this boot, oldest first: its own and systemd's about it.
pub fn last_lines(unit: &str) -> Vec<String> {
    match read(unit) {
        Ok(lines) => lines,
        Err(error) => vec![format!("(the journal cannot be read: {error:#})")],
    }
}

/// The same, for a terminal.
pub fn last_lines_of_run(unit: &str) -> Vec<String> {
    last_lines(unit)
        .into_iter()
        .map(|line| crate::table::printable(&line))
        .collect()
}

fn read(unit: &str) -> Result<Vec<String>> {
    let mut journal = OpenOptions::default()
        .system(true)
        .local_only(true)
        .open()?;
    let boot = systemd::id128::Id128::from_boot()?.to_string();
    journal
        .match_add("_BOOT_ID", boot.clone())?
        .match_add("_SYSTEMD_UNIT", unit)?
        .match_or()?
        .match_add("_BOOT_ID", boot)?
        .match_add("UNIT", unit)?
        .match_add("_PID", "1")?;
    journal.seek(JournalSeek::Tail)?;
    let mut lines = Vec::new();
    while lines.len() < LINES {
        let Some(mut entry) = journal.previous_entry()? else {
            break;
        };
        if let Some(message) = entry.remove("MESSAGE") {
            lines.push(message.chars().take(LINE_LENGTH).collect());
        }
    }
    lines.reverse();
    Ok(lines)
}
