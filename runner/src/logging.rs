//! Log to the journal with structured fields, or to standard error where there is no journal.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// For people at a terminal.
struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        // zbus and its runtime log through the same facade.
        if record.target().starts_with("health_checker") {
            let _ = writeln!(std::io::stderr(), "health-checker: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Sets up the log: the journal when systemd started us, standard error otherwise.
pub fn init() {
    let journal = connected_to_journal()
        .then(|| JournalLog::new().ok())
        .flatten()
        .map(|journal| journal.with_syslog_identifier("health-checker".to_owned()));
    let set = match journal {
        Some(journal) => journal.install(),
        None => log::set_boxed_logger(Box::new(Stderr)),
    };
    // It fails only if a logger was set before, and main() does that once.
    if set.is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
