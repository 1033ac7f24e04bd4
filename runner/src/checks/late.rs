//! Units for plugins that the generator could not see: on MicroOS, `/usr/local` is mounted after the generators ran.
//!
//! A drop-in for an instance of the shipped template is read when the instance is loaded for the first time, so that
//! no daemon-reload is needed (FACTS §3).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use health_checks::{Check, Content, Found, GENERATOR_DIRECTORY, Root, Written};

use crate::model::facts::BootKey;
use crate::sys::bus::{Manager, Unit};

/// Where units made at run time go.
const DIRECTORY: &str = "/run/systemd/system";
/// Holds late checks in memory with their results; shipped empty, and not loaded before it is started here.
const TARGET: &str = "health-check-late.target";
const WANTS: &str = "health-check-late.target.wants";
const PATTERNS: [&str; 2] = ["health-check@*.service", "health-check-local@*.service"];

/// Makes units of the plugins that have none, starts them and gives their names. A plugin that cannot be made a unit
/// is logged here, and counted by the runner as a check that was never started.
///
/// # Errors
/// From the bus.
pub fn start(root: &Root, manager: &Manager, boot: &BootKey, found: &Found) -> Result<Vec<String>> {
    forget_earlier(manager, boot)?;
    refuse(root, manager, found);
    let late = place(root, manager, found)?;
    if late.is_empty() {
        return Ok(late);
    }
    if let Err(error) = manager.queue(TARGET, "replace") {
        log::warn!("{error:#}; starting late checks one by one");
    }
    // Where the target was loaded before, it does not know the new ones.
    for unit in manager
        .units_by_names(&late)?
        .iter()
        .filter(|unit| !has_begun(unit))
    {
        if let Err(error) = manager.queue(&unit.name, "replace") {
            log::error!("{error:#}");
        }
    }
    Ok(late)
}

/// A plugin that was root's alone when its unit was made, and is not now, is not run: systemd reads again what the
/// generator makes of it. It was changed meanwhile, or something was mounted over it.
fn refuse(root: &Root, manager: &Manager, found: &Found) {
    let is_old = |check: &&Check| check.is_distrusted() && !check.masked && has_other(root, check);
    for check in found.checks.iter().filter(is_old) {
        let defect = check.defects.first().map(ToString::to_string);
        log::error!("{}", defect.unwrap_or_default());
    }
    if found.checks.iter().any(|check| is_old(&check))
        && let Err(error) = manager.reload()
    {
        log::error!("{error:#}: the plugin is run all the same, and its result does not count");
    }
}

/// Makes units of the plugins that have none, and gives their names.
///
/// # Errors
/// From the bus.
pub fn place(root: &Root, manager: &Manager, found: &Found) -> Result<Vec<String>> {
    let units: BTreeMap<String, Unit> = manager
        .units(&[], &PATTERNS)?
        .into_iter()
        .map(|unit| (unit.name.clone(), unit))
        .collect();
    let missing = |check: &&Check| !check.masked && !units.get(&check.unit).is_some_and(has_begun);
    let late: Vec<&Check> = found.checks.iter().filter(missing).collect();
    let out = root.join(DIRECTORY);
    clean(&out.join(WANTS), &late);
    for check in late.iter().filter(|check| !is_generated(root, check)) {
        if let Err(error) = health_checks::write(check, &out, WANTS) {
            log::error!(
                "no unit can be made of plugin '{}': cannot write below '{}': {error}",
                check.source.display(),
                out.display()
            );
        }
    }
    Ok(late.into_iter().map(|check| check.unit.clone()).collect())
}

/// Brings up to date what was made here of files that changed since: it hides what the generator makes of them. Says
/// whether systemd has to read it again.
pub fn refresh(root: &Root, found: &Found) -> bool {
    let out = root.join(DIRECTORY);
    let mut changed = false;
    for check in found.checks.iter().filter(|check| is_made(check, &out)) {
        match health_checks::write(check, &out, WANTS) {
            Ok(written) => changed |= written == Written::Changed,
            Err(error) => log::warn!("the unit of '{}' stays as it was: {error}", check.name),
        }
    }
    changed
}

fn is_made(check: &Check, out: &Path) -> bool {
    texts(check, out).iter().any(|(path, _)| path.exists())
}

/// Whether the generator made the same already: a second copy would hide what it makes later.
fn is_generated(root: &Root, check: &Check) -> bool {
    let texts = texts(check, Path::new(GENERATOR_DIRECTORY));
    !texts.is_empty()
        && texts
            .iter()
            .all(|(path, text)| made(root, path).as_ref() == Some(text))
}

/// Whether the generator made something else of it.
fn has_other(root: &Root, check: &Check) -> bool {
    let texts = texts(check, Path::new(GENERATOR_DIRECTORY));
    let other =
        |(path, text): &(PathBuf, String)| made(root, path).is_some_and(|made| made != *text);
    texts.iter().any(other)
}

fn made(root: &Root, path: &Path) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

fn texts(check: &Check, out: &Path) -> Vec<(PathBuf, String)> {
    let files = health_checks::files(check, out, WANTS);
    files
        .into_iter()
        .filter_map(|(path, content)| match content {
            Content::Text(text) => Some((path, text)),
            Content::Link(_) => None,
        })
        .collect()
}

/// A unit that failed before a soft-reboot is still loaded, with that result: of this boot it has none yet.
fn forget_earlier(manager: &Manager, boot: &BootKey) -> Result<()> {
    let failed = manager.units(&["failed"], &PATTERNS)?;
    for unit in failed.iter().filter(|unit| !unit.has_job) {
        let at: u64 = manager.property(&unit.path, "Unit", "InactiveEnterTimestampMonotonic")?;
        if at < boot.userspace_usec {
            manager.reset_failed(&unit.name)?;
        }
    }
    Ok(())
}

fn has_begun(unit: &Unit) -> bool {
    unit.has_job || unit.active != "inactive"
}

/// Links of an earlier soft-reboot whose plugin is gone.
fn clean(wants: &Path, late: &[&Check]) {
    for entry in fs::read_dir(wants).into_iter().flatten().flatten() {
        if !late.iter().any(|check| *check.unit == *entry.file_name()) {
            // Left behind it would start a check without a plugin, which fails: loud enough.
            let _ = fs::remove_file(entry.path());
        }
    }
}
