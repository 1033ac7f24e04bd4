//! What a search tells as soon as it knows it.

use std::path::Path;

use crate::check::Check;
use crate::config::Config;
use crate::finding::{Ignored, Warning};

/// What happens during [`crate::scan`].
#[derive(Debug)]
pub enum Step<'a> {
    /// This directory or file is looked at next.
    Look(&'a Path),
    /// What health-checker.conf says; comes before everything else.
    Configuration(&'a Config),
    /// A check.
    Check(Box<Check>),
    /// A file that is no check.
    Ignored(Ignored),
    /// Something is wrong.
    Warning(Warning),
}
