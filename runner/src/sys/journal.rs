//! The last lines that a check logged: they go into the incident, because the journal of a rolled back boot may be
//! gone by the time somebody reads about it.

use std::time::Duration;

use anyhow::Result;
use systemd::journal::{Journal, JournalSeek, OpenOptions};

use crate::sys::command;

/// journald answers in milliseconds, or is broken.
const SYNC_LIMIT: Duration = Duration::from_secs(10);
/// So many lines are kept for a failed check.
const LINES: usize = 20;
/// A line is cut after so many characters.
const LINE_LENGTH: usize = 500;

/// Waits until journald has written what was logged so far: a check that has just ended may still be in its queue.
pub fn sync() {
    // Without it a line may be missing in a report, which is no reason to hold up anything.
    let synced = command::run(&["journalctl", "--sync"], SYNC_LIMIT, &|| {});
    if let Err(error) = synced {
        log::debug!("the journal cannot be synced: {error:#}");
    }
}

/// The last lines about a unit in this boot, oldest first: its own and systemd's.
pub fn last_lines(unit: &str) -> Vec<String> {
    read(unit).unwrap_or_else(unreadable)
}

/// The last lines of another boot, oldest first: what it said before it died.
pub fn last_lines_of_boot(boot_id: &str) -> Vec<String> {
    read_boot(boot_id).unwrap_or_else(unreadable)
}

fn unreadable(error: anyhow::Error) -> Vec<String> {
    vec![format!("(the journal cannot be read: {error:#})")]
}

fn open() -> Result<Journal> {
    Ok(OpenOptions::default()
        .system(true)
        .local_only(true)
        .open()?)
}

fn read_boot(boot_id: &str) -> Result<Vec<String>> {
    let mut journal = open()?;
    journal.match_add("_BOOT_ID", boot_id.replace('-', ""))?;
    tail(&mut journal)
}

fn read(unit: &str) -> Result<Vec<String>> {
    let mut journal = open()?;
    let boot = systemd::id128::Id128::from_boot()?.to_string();
    journal
        .match_add("_BOOT_ID", boot.clone())?
        .match_add("_SYSTEMD_UNIT", unit)?
        .match_or()?
        .match_add("_BOOT_ID", boot)?
        .match_add("UNIT", unit)?
        .match_add("_PID", "1")?;
    tail(&mut journal)
}

fn tail(journal: &mut Journal) -> Result<Vec<String>> {
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
