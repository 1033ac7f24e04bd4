//! Log to the journal with structured fields, or to standard error where there is no journal. Names of files and what
//! programs said are in many lines: here, and only here, all of them become text for people.

use std::io::Write;

use health_checks::text::sentence;
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

/// In front of where lines go: the text becomes one for people, the fields stay exactly as they are.
struct Sentences<L>(L);

impl<L: Log> Log for Sentences<L> {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        let text = sentence(&record.args().to_string());
        self.0
            .log(&record.to_builder().args(format_args!("{text}")).build());
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Sets up the log: the journal when systemd started us, standard error otherwise.
pub fn init() {
    let journal = connected_to_journal()
        .then(|| JournalLog::new().ok())
        .flatten()
        .map(|journal| journal.with_syslog_identifier("health-checker".to_owned()));
    let set = match journal {
        Some(journal) => log::set_boxed_logger(Box::new(Sentences(journal))),
        None => log::set_boxed_logger(Box::new(Sentences(Stderr))),
    };
    // It fails only if a logger was set before, and main() does that once.
    if set.is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use log::Level;
    use log::kv::{Key, ToKey};

    use super::*;

    /// Keeps the text and the field NAME of each line.
    #[derive(Default)]
    struct Kept(Mutex<Vec<(String, String)>>);

    impl Log for Kept {
        fn enabled(&self, _: &Metadata) -> bool {
            true
        }

        fn log(&self, record: &Record) {
            let key: Key = "NAME".to_key();
            let field = record.key_values().get(key).unwrap().to_string();
            let line = (record.args().to_string(), field);
            self.0.lock().unwrap().push(line);
        }

        fn flush(&self) {}
    }

    #[test]
    fn the_text_is_for_people_and_the_fields_are_exact() {
        let log = Sentences(Kept::default());
        let name = "a\u{1b}]0;x\u{7}\u{202e}\nb";
        log.log(
            &Record::builder()
                .level(Level::Warn)
                .key_values(&[("NAME", name)])
                .args(format_args!("'{name}': Not a directory (os error 20)"))
                .build(),
        );
        let kept = log.0.0.lock().unwrap();
        let text = "'a\u{fffd}]0;x\u{fffd}\u{fffd}\u{fffd}b': Not a directory".to_owned();
        assert_eq!(*kept, [(text, name.to_owned())]);
    }
}
