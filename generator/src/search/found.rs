//! All that a search found.

use crate::check::Check;
use crate::config::Config;
use crate::finding::{Ignored, Warning};

/// All that is in the directories of plugins and `.check` files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What health-checker.conf says.
    pub config: Config,
    /// Sorted by name, then by origin.
    pub checks: Vec<Check>,
    /// Files that are no checks; hidden and backup files are not even named here.
    pub ignored: Vec<Ignored>,
    /// What could not be read, and what would be lost otherwise.
    pub warnings: Vec<Warning>,
}
