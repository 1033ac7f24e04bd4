//! Units for plugins that the generator could not see: on MicroOS, `/usr/local` is mounted after the generators ran.
//!
//! A drop-in for an instance of the shipped template is read when the instance is loaded for the first time, so that
//! no daemon-reload is needed (FACTS §3).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use health_checks::{Check, Content, Found, Root};

use crate::facts::BootKey;
use crate::systemd1::{Manager, Unit};

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
    for check in &late {
        if let Err(error) = health_checks::write(check, &out, WANTS) {
            log::error!(
                "no unit can be made of plugin '{}': cannot write below '{}': {error}",
                check.source.display(),
                out.display()
            );
        }
    }
    refresh(&found.checks, &late, &out);
    Ok(late.into_iter().map(|check| check.unit.clone()).collect())
}

/// What was made for a check that has begun since, and its file changed: here it hides what the generator makes at the
/// next daemon-reload.
fn refresh(checks: &[Check], late: &[&Check], out: &Path) {
    for check in checks.iter().filter(|check| !late.contains(check)) {
        let files = health_checks::files(check, out, WANTS);
        let made = |(path, content): &(PathBuf, Content)| match content {
            Content::Text(_) => path.exists(),
            Content::Link(_) => false,
        };
        if files.iter().any(made)
            && let Err(error) = health_checks::write(check, out, WANTS)
        {
            log::warn!("the unit of '{}' stays as it was: {error}", check.name);
        }
    }
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
