//! What is said of a file beside the checks: it is none, or something is wrong with it.

use std::fmt;
use std::path::PathBuf;

use crate::syntax::text::printable;

/// A file in one of the directories that is no check, to be shown by `list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The file as the system sees it, without the root.
    pub path: PathBuf,
    /// Why it is no check, and what would make it one.
    pub reason: String,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            printable(&self.path.to_string_lossy()),
            self.reason
        )
    }
}

/// Something that an administrator should know and mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file or directory as the system sees it, without the root.
    pub path: PathBuf,
    /// The line in it, if it is about one.
    pub line: Option<u32>,
    /// What is wrong, and what follows from it.
    pub text: String,
}

impl Warning {
    /// About a whole file or directory.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: None,
            text: text.into(),
        }
    }

    /// About one line of a file.
    pub fn at(path: impl Into<PathBuf>, line: u32, text: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::new(path, text)
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", printable(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.text)
    }
}
