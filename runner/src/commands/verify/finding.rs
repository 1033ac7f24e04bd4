//! One thing that `verify` has to say: where, how bad, what.

use std::fmt;
use std::path::{Path, PathBuf};

use health_checks::text::sentence;
use health_checks::{Warning, name};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A check fails or is lost because of it, or the machine is not guarded.
    Error,
    /// Probably not what was meant.
    Warning,
}

impl Level {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// See the module. Sorted by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, directory or unit.
    pub path: PathBuf,
    /// The line in it, if it is about one.
    pub line: Option<u32>,
    /// How bad.
    pub level: Level,
    /// What is wrong, and what to do.
    pub text: String,
}

impl Finding {
    /// Something that has to be mended.
    pub fn error(path: impl AsRef<Path>, line: Option<u32>, text: impl Into<String>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            line,
            level: Level::Error,
            text: text.into(),
        }
    }

    /// Something that should be looked at.
    pub fn warning(path: impl AsRef<Path>, line: Option<u32>, text: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(path, line, text)
        }
    }

    /// Whether it has to be mended.
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

impl From<&Warning> for Finding {
    fn from(warning: &Warning) -> Self {
        Self::error(&warning.path, warning.line, &warning.text)
    }
}

/// As compilers do it, so that editors find the place.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", name::readable(self.path.as_os_str()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let text = sentence(&self.text);
        write!(f, ": {}: {text}", self.level.as_str())
    }
}
