//! The log: the kernel's, since nothing else is there when generators run.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use health_checks::Root;
use health_checks::text::sentence;
use rustix::fs::OFlags;

/// The facility `daemon` of syslog(3), so that journald does not take the line for the kernel's.
const FACILITY: u8 = 3 << 3;

/// Longest text, in bytes: the kernel refuses a record of more than 976, priority and name included.
const TEXT_MAX: usize = 900;

/// How much a line matters, by the numbers of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error = 3,
    Warning = 4,
    Debug = 7,
}

/// Where lines go.
pub(crate) struct Log {
    kmsg: Option<File>,
}

impl Log {
    /// The kernel log of the system below `root`, or stderr if it has none.
    pub(crate) fn kernel(root: &Root) -> Self {
        // In some containers it is a FIFO that nobody reads: never wait for it.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let kmsg = File::options()
            .append(true)
            .custom_flags(flags)
            .open(root.join("/dev/kmsg"));
        Self { kmsg: kmsg.ok() }
    }

    /// Only stderr, for people.
    pub(crate) fn stderr() -> Self {
        Self { kmsg: None }
    }

    /// Says one line, whatever is in the text; if that is impossible, nothing can be done about it.
    pub(crate) fn say(&self, level: Level, text: &str) {
        let text = sentence(text);
        let end = (0..=text.len().min(TEXT_MAX))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        let text = &text[..end.unwrap_or(0)];
        let name = "health-checker-generator";
        let priority = FACILITY + level as u8;
        let record = format!("<{priority}>{name}[{}]: {text}\n", std::process::id());
        let written = self
            .kmsg
            .as_ref()
            .map(|mut kmsg| kmsg.write_all(record.as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            let _ = writeln!(std::io::stderr(), "{name}: {text}");
        }
    }
}
