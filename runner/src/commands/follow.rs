//! What checks print while they run, line by line, as it comes: for `health-checker check`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use systemd::journal::{JournalSeek, OpenOptions};

use health_checks::text::printable;

use crate::sys::journal;

/// How long a wait for the next line is not interrupted to see whether that was all.
const WAIT: Duration = Duration::from_millis(100);

/// Prints the lines of units in a thread of its own.
pub struct Follower {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Follower {
    /// Begins with what is logged from now on by these units; each line follows the name beside the unit, if
    /// there is more than one.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(units: Vec<(String, String)>) -> Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let since = u64::try_from(since)?;
        let thread = thread::Builder::new().spawn({
            let ended = Arc::clone(&ended);
            move || follow(&units, since, &ended)
        })?;
        Ok(Self { ended, thread })
    }

    /// Prints what is still to come of checks that have ended.
    pub fn finish(self) {
        journal::sync();
        self.ended.store(true, Ordering::Release);
        let said = match self.thread.join() {
            Ok(result) => result,
            // The program goes on without it.
            Err(_) => return,
        };
        if let Err(error) = said {
            log::warn!("what the checks print is not shown: {error:#}");
        }
    }
}

fn follow(units: &[(String, String)], since_usec: u64, ended: &AtomicBool) -> Result<()> {
    let mut journal = OpenOptions::default()
        .system(true)
        .local_only(true)
        .open()
        .context("the journal cannot be opened")?;
    let boot = systemd::id128::Id128::from_boot()?.to_string();
    journal.match_add("_BOOT_ID", boot)?;
    for (unit, _) in units {
        // Of one field, any of the values will do.
        journal.match_add("_SYSTEMD_UNIT", unit.as_str())?;
    }
    journal.seek(JournalSeek::ClockRealtime { usec: since_usec })?;
    loop {
        // Looked at before the journal, so that nothing comes in between.
        let last = ended.load(Ordering::Acquire);
        while let Some(entry) = journal.next_entry()? {
            let name_of = |unit: &String| units.iter().find(|(known, _)| known == unit);
            let name = entry.get("_SYSTEMD_UNIT").and_then(name_of);
            if let (Some((_, name)), Some(line)) = (name, entry.get("MESSAGE")) {
                let line = printable(line);
                let written = match units.len() {
                    1 => writeln!(io::stdout(), "{line}"),
                    _ => writeln!(io::stdout(), "{}: {line}", printable(name)),
                };
                if written.is_err() {
                    // Nobody reads on, which whoever writes the results will see as well.
                    return Ok(());
                }
            }
        }
        if last {
            return Ok(());
        }
        journal.wait(Some(WAIT))?;
    }
}
