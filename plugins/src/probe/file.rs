//! `health-probe file`: a file exists, says something, is fresh, or is gone.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use regex_lite::{Regex, RegexBuilder};

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::span::{self, Span};
use crate::text::reason;

/// What is searched of a file, so that a runaway log does not fill the memory.
const MOST_READ: u64 = 16 << 20;

/// PATH exists; with options: has a content, is fresh, or does not exist.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe file /etc/resolv.conf --contains '^nameserver '\n  health-probe file /var/lib/backup/stamp --max-age 1d\n  health-probe file /run/nologin --missing"
)]
pub struct File {
    /// The file or directory
    pub path: PathBuf,
    /// Text or regular expression that a line of the file must match (the first 16 MiB are searched)
    #[arg(long, value_name = "REGEX", value_parser = regex)]
    pub contains: Option<Regex>,
    /// The file must have been changed at most so long ago
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub max_age: Option<Duration>,
    /// The file must not exist
    #[arg(long, conflicts_with_all = ["contains", "max_age"])]
    pub missing: bool,
}

fn regex(text: &str) -> Result<Regex, String> {
    // As grep: ^ and $ are the ends of a line.
    RegexBuilder::new(text)
        .multi_line(true)
        .crlf(true)
        .build()
        .map_err(|error| {
            format!(
                "{error}: a plain text will do, with a backslash before each of .*+?()[]{{}}^$|\\"
            )
        })
}

impl Probe for File {
    fn expected(&self) -> String {
        let path = self.path.display();
        if self.missing {
            return format!("'{path}' not to exist");
        }
        let mut text = format!("'{path}' to exist");
        if let Some(pattern) = &self.contains {
            text += &format!(" and contain '{pattern}'");
        }
        if let Some(age) = self.max_age {
            text += &format!(" and be changed within the last {}", Span(age));
        }
        text
    }

    fn look(&self, _limit: Limit) -> Look {
        if self.missing {
            return match fs::symlink_metadata(&self.path) {
                Err(error) if is_absent(&error) => Ok("no such file".into()),
                Err(error) => Err(Problem::not_yet(reason(&error))),
                Ok(there) => Err(Problem::not_yet(format!("{} there", kind(&there)))),
            };
        }
        let there = fs::metadata(&self.path).map_err(|error| match is_absent(&error) {
            true => Problem::not_yet("no such file"),
            false => Problem::not_yet(reason(&error)),
        })?;
        let mut found = kind(&there).to_string();
        if let Some(pattern) = &self.contains {
            self.search(&there, pattern)?;
            found += " with that content";
        }
        if let Some(most) = self.max_age {
            let age = age(&there)?;
            let text = format!("changed {} ago", Span(age));
            if age > most {
                return Err(Problem::not_yet(text));
            }
            found += &format!(", {text}");
        }
        Ok(found)
    }
}

impl File {
    fn search(&self, there: &Metadata, pattern: &Regex) -> Result<(), Problem> {
        // A FIFO or device is never opened: it might block for ever, or do something.
        if !there.is_file() {
            return Err(Problem::not_yet(format!(
                "{}, which has no content",
                kind(there)
            )));
        }
        let mut bytes = Vec::new();
        fs::File::open(&self.path)
            .and_then(|file| file.take(MOST_READ).read_to_end(&mut bytes))
            .map_err(|error| Problem::not_yet(format!("it cannot be read: {}", reason(&error))))?;
        match pattern.is_match(&String::from_utf8_lossy(&bytes)) {
            true => Ok(()),
            false => Err(Problem::not_yet(format!(
                "no such content in its {} bytes",
                bytes.len()
            ))),
        }
    }
}

/// A time in the future (the clock was wrong) counts as now.
fn age(there: &Metadata) -> Result<Duration, Problem> {
    let changed = there
        .modified()
        .map_err(|error| Problem::last(format!("no time of change: {}", reason(&error))))?;
    Ok(SystemTime::now()
        .duration_since(changed)
        .unwrap_or_default())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn kind(there: &Metadata) -> &'static str {
    let file_type = there.file_type();
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else if file_type.is_file() {
        "a file"
    } else {
        "a special file"
    }
}
