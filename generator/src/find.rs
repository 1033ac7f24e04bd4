//! The search: all plugins below a root, one after another, whatever is wrong with one of them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::check::{Check, Found, Ignored, Origin, Warning};
use crate::mask::is_masked;
use crate::plugin::{self, Entry};
use crate::{Root, name};

/// How far the boot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Generators run: what a symbolic link points to may not be mounted yet, so that a dangling
    /// one is left for later.
    Early,
    /// Everything is mounted: a dangling link is a check, which fails.
    Late,
}

/// What happens during [`scan`].
#[derive(Debug)]
pub enum Step<'a> {
    /// This directory or file is looked at next.
    Look(&'a Path),
    /// A check.
    Check(Check),
    /// A file that is no check.
    Ignored(Ignored),
    /// Something is wrong.
    Warning(Warning),
}

/// Finds all plugins. A directory that does not exist is not worth a warning.
pub fn find(root: &Root, stage: Stage) -> Found {
    let mut found = Found::default();
    scan(root, stage, |step| match step {
        Step::Look(_) => {}
        Step::Check(check) => found.checks.push(check),
        Step::Ignored(ignored) => found.ignored.push(ignored),
        Step::Warning(warning) => found.warnings.push(warning),
    });
    found
        .checks
        .sort_by(|a, b| (&a.name, a.origin, &a.unit).cmp(&(&b.name, b.origin, &b.unit)));
    found
}

/// As [`find`], telling each thing as soon as it is known: one plugin that cannot be looked at without
/// hanging then does not hide those before it.
pub fn scan(root: &Root, stage: Stage, mut tell: impl FnMut(Step<'_>)) {
    for origin in Origin::ALL {
        let directory = Path::new(origin.directory());
        tell(Step::Look(directory));
        let (names, problem) = entries(root, stage, directory);
        if let Some(error) = problem {
            let text = format!("cannot read the directory: {error}; its plugins are not checked");
            tell(Step::Warning(warning(directory.to_owned(), text)));
        }
        let mut units = HashMap::new();
        for file_name in names {
            let path = directory.join(&file_name);
            tell(Step::Look(&path));
            let mut check = match plugin::examine(root, stage, origin, &file_name) {
                Entry::Ignored(reason) => {
                    tell(Step::Ignored(Ignored { path, reason }));
                    continue;
                }
                Entry::Check(check, problem) => {
                    if let Some(text) = problem {
                        tell(Step::Warning(warning(path.clone(), text)));
                    }
                    check
                }
            };
            if let Some(first) = units.insert(check.unit.clone(), file_name.clone()) {
                let text = format!(
                    "is not checked: it has the same unit name as '{}'; rename one of the two",
                    name::readable(&first)
                );
                units.insert(check.unit, first);
                tell(Step::Warning(warning(path, text)));
                continue;
            }
            check.masked |= is_masked(root, origin, &check.unit);
            tell(Step::Check(check));
        }
    }
}

fn warning(path: PathBuf, text: String) -> Warning {
    Warning {
        path,
        line: None,
        text,
    }
}

/// The names in a directory that are worth looking at, and what was wrong with reading it.
///
/// Links come last: following one may lead to a file system that hangs. Otherwise sorted, so that
/// the same directory always gives the same result.
fn entries(root: &Root, stage: Stage, directory: &Path) -> (Vec<OsString>, Option<io::Error>) {
    let reader = match root
        .resolve(directory)
        .and_then(|real| root.join(real).read_dir())
    {
        Ok(reader) => reader,
        Err(error) => {
            let missing = error.kind() == ErrorKind::NotFound
                && (stage == Stage::Early || root.join(directory).symlink_metadata().is_err());
            return (Vec::new(), (!missing).then_some(error));
        }
    };
    let mut names = Vec::new();
    let mut problem = None;
    for entry in reader {
        match entry {
            Ok(entry) => {
                let link = entry
                    .file_type()
                    .is_ok_and(|file_type| file_type.is_symlink());
                names.push((link, entry.file_name()));
            }
            Err(error) => problem = Some(error),
        }
    }
    names.retain(|(_, file_name)| !plugin::is_leftover(file_name));
    names.sort();
    (
        names.into_iter().map(|(_, file_name)| file_name).collect(),
        problem,
    )
}
