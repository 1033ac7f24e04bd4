//! `health-checker verify [FILE…]`: finds mistakes in plugins, `.check` files, configuration and units before a boot does.

mod analyze;
mod configuration;
mod files;
mod finding;
mod named_units;
mod ours;
mod plugin;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use health_checks::{Found, Kind, Root};

use crate::checks::observe;
use crate::commands::contradictions::{COMMAND_LINE, no_panic_option};
use crate::commands::table::Color;
use crate::model::text::count;
use files::Outside;
pub use finding::Finding;
use finding::Level;
use health_checks::config;

/// Exit status of warnings with `--strict`.
const WARNINGS: u8 = 2;

/// What to verify, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Options {
    /// Warnings count as well: exit status 2
    #[arg(long)]
    pub strict: bool,
    /// Also run each plugin, with a verb that it cannot know
    #[arg(long)]
    pub run: bool,
    /// Plugins, '.check' files, drop-ins, or a health-checker.conf, installed or not; all that is installed if none
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Prints what is wrong, one line each as compilers do it. Exit status 1: errors; 2: warnings, if they count.
///
/// # Errors
/// When nobody reads the output.
pub fn verify(root: &Root, options: &Options) -> Result<ExitCode> {
    let found = observe::find(root);
    let mut findings = if options.files.is_empty() {
        let mut findings = everything(root, &found, options.run);
        findings.extend(ours::findings(root));
        findings.extend(configuration::findings(root, &found));
        findings.extend(analyze::findings(root, &found.checks));
        let panic = no_panic_option(root);
        findings.extend(panic.map(|text| Finding::warning(COMMAND_LINE, None, text)));
        findings
    } else {
        named(root, found.clone(), options)?
    };
    findings.sort();
    findings.dedup();
    let checks = options.files.is_empty().then_some(found);
    Ok(print(&findings, checks.as_ref(), options.strict)?)
}

/// What is wrong with the named installed check: after `new` has written it.
pub fn installed(root: &Root, path: &Path) -> Vec<Finding> {
    let found = observe::find(root);
    let mut findings = everything(root, &found, false);
    findings.retain(|finding| finding.path == path);
    findings
}

/// What is wrong with checks and files beside them.
fn everything(root: &Root, found: &Found, run: bool) -> Vec<Finding> {
    let mut findings = files::findings(root, found);
    findings.extend(named_units::findings(
        root,
        &found.checks,
        found.checks.iter(),
    ));
    let plugins = found
        .checks
        .iter()
        .filter(|check| check.kind == Kind::Plugin && !check.command.is_empty());
    for check in plugins {
        // A link to nothing is reported by the search.
        if root.resolve(&check.source).is_ok() {
            findings.extend(plugin::lint(root, &check.source));
        }
        if run {
            findings.extend(plugin::ask(&root.join(&check.source)));
        }
    }
    findings
}

/// What is wrong with the named files.
fn named(root: &Root, found: Found, options: &Options) -> Result<Vec<Finding>> {
    let chosen = Chosen::new(root, found, options)?;
    let mut about = everything(root, &chosen.found, options.run);
    about.extend(analyze::findings(root, &chosen.found.checks));
    Ok(chosen.select(about))
}

/// The files that somebody named, among the installed ones or as if they were.
struct Chosen<'o> {
    /// All checks, those of named files in the place of installed ones.
    found: Found,
    /// What is known already.
    findings: Vec<Finding>,
    /// Absolute paths.
    wanted: BTreeSet<PathBuf>,
    /// Absolute paths, and what the user wrote.
    given: Vec<(PathBuf, &'o Path)>,
}

impl<'o> Chosen<'o> {
    fn new(root: &Root, found: Found, options: &'o Options) -> Result<Self> {
        let mut chosen = Self {
            found,
            findings: Vec::new(),
            wanted: BTreeSet::new(),
            given: Vec::new(),
        };
        for file in &options.files {
            let written = std::path::absolute(file)
                .with_context(|| format!("'{}' is no path", file.display()))?;
            // Through a link or '..' it may be an installed one all the same.
            let path = match (written.parent().map(Path::canonicalize), file.file_name()) {
                (Some(Ok(parent)), Some(name))
                    if files::belonging(&chosen.found, &written).is_empty() =>
                {
                    parent.join(name)
                }
                _ => written,
            };
            chosen.add(root, &path, options.run);
            chosen.wanted.insert(path.clone());
            chosen.given.push((path, file));
        }
        Ok(chosen)
    }

    fn add(&mut self, root: &Root, path: &Path, run: bool) {
        if config::load(root).files.iter().any(|file| file == path) {
            self.findings
                .extend(configuration::findings(root, &self.found));
            return;
        }
        let installed = files::belonging(&self.found, path);
        if !installed.is_empty() {
            self.wanted.extend(installed);
            return;
        }
        match files::outside(root, &self.found, path) {
            Outside::Check(check) => {
                let found = &mut self.found;
                found.warnings.extend(check.defects.iter().cloned());
                found.checks.retain(|known| known.unit != check.unit);
                self.wanted.extend(check.sources.iter().cloned());
                found.checks.push(*check);
            }
            Outside::Settings(check) => {
                self.findings
                    .extend(check.defects.iter().map(Finding::from));
                let only = std::iter::once(&*check);
                let units = named_units::findings(root, &self.found.checks, only);
                self.findings.extend(units);
            }
            Outside::Configuration(text) => {
                let of_text = configuration::of_text(root, &self.found, path, &text);
                self.findings.extend(of_text);
            }
            Outside::Plugin => {
                self.findings.extend(plugin::lint(root, path));
                self.findings
                    .extend(run.then(|| plugin::ask(path)).flatten());
            }
            Outside::Broken(text) => self.findings.push(Finding::error(path, None, text)),
        }
    }

    /// What is known of the named files, under the names that the user gave them.
    fn select(mut self, about: Vec<Finding>) -> Vec<Finding> {
        let wanted = |finding: &Finding| self.wanted.contains(&finding.path);
        self.findings.extend(about.into_iter().filter(wanted));
        for finding in &mut self.findings {
            let given = self.given.iter().find(|(path, _)| *path == finding.path);
            if let Some((_, file)) = given {
                finding.path = (*file).to_owned();
            }
        }
        self.findings
    }
}

fn print(findings: &[Finding], found: Option<&Found>, strict: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    let number = |level| {
        let of = findings.iter().filter(|finding| finding.level == level);
        of.count()
    };
    let (errors, warnings) = (number(Level::Error), number(Level::Warning));
    let looked_at = found.map_or_else(String::new, |found| {
        let masked = found.checks.iter().filter(|check| check.masked).count();
        let masked = match masked {
            0 => String::new(),
            _ => format!(" ({masked} masked)"),
        };
        format!("{}{masked}: ", count(found.checks.len(), "check"))
    });
    let (color, code) = match (errors, warnings) {
        (0, 0) => (Color::Green, ExitCode::SUCCESS),
        (0, _) if strict => (Color::Yellow, ExitCode::from(WARNINGS)),
        (0, _) => (Color::Yellow, ExitCode::SUCCESS),
        (_, _) => (Color::Red, ExitCode::FAILURE),
    };
    let result = match (errors, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    writeln!(out, "{looked_at}{}", color.paint(&result))?;
    Ok(code)
}

#[cfg(test)]
mod tests;
