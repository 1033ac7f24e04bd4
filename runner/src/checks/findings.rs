//! What counts like a check without being a unit of its own: the mode of the boot, whether it settled, checks that
//! vanished, plugin directories that cannot be read.

use std::path::PathBuf;

use anyhow::Result;
use health_checks::Found;

use crate::model::facts::{Outcome, Severity};
use crate::model::run_files::Settled;
use crate::model::units::{RUNNER, SETTLE};
use crate::state::{KnownCheck, State};
use crate::sys::bus::{Manager, Unit, unit_path};
use crate::sys::mountinfo::{Mount, mount_point_of};

/// Units of modes in which a machine waits for somebody at its console.
pub const BROKEN_MODES: [&str; 4] = [
    "emergency.target",
    "rescue.target",
    "emergency.service",
    "rescue.service",
];

/// A boot that fell into emergency or rescue mode is never healthy, whatever the checks that still ran say.
///
/// # Errors
/// From the bus.
pub fn boot_mode(manager: &Manager) -> Result<Option<Outcome>> {
    let finding = |message: String| {
        Some(Outcome::finding(
            "boot",
            RUNNER,
            Severity::Required,
            message,
        ))
    };
    // The targets that pull us in: one of them must have been reached, or be on its way.
    let wanted_by: Vec<String> = manager.property(&unit_path(RUNNER), "Unit", "WantedBy")?;
    let mut names = wanted_by.clone();
    names.extend(BROKEN_MODES.map(str::to_owned));
    let units = manager.units_by_names(&names)?;
    let (modes, wanting): (Vec<&Unit>, Vec<&Unit>) = units
        .iter()
        .partition(|unit| BROKEN_MODES.contains(&unit.name.as_str()));
    let fell = |mode: &&&Unit| ["active", "activating"].contains(&mode.active.as_str());
    if let Some(mode) = modes.iter().find(fell) {
        return Ok(finding(fell_into(&mode.name)));
    }
    let reached = wanting
        .iter()
        .any(|unit| unit.active != "inactive" || unit.has_job);
    if reached || wanted_by.is_empty() {
        return Ok(None);
    }
    Ok(finding(format!(
        "'{}' was not reached and is not on its way: see 'journalctl -b -p warning'",
        wanted_by.join("', '")
    )))
}

/// The sentence about a boot in which one of [`BROKEN_MODES`] is active.
pub fn fell_into(unit: &str) -> String {
    let mode = unit.split('.').next().unwrap_or(unit);
    format!("the boot fell into {mode} mode: see 'journalctl -b -p warning'")
}

/// A boot that did not settle fails a new deployment if the boots of the known good one did settle.
pub fn settled(settled: Option<&Settled>, state: &State, known_good: bool) -> Option<Outcome> {
    let (message, severity) = match settled {
        None => (
            "the settle service gave no result: see 'systemctl status health-check-settle'"
                .to_owned(),
            Severity::Wanted,
        ),
        Some(settled) if settled.settled => return None,
        Some(settled) => {
            let severity = if state.usually_settles() && !known_good {
                Severity::Required
            } else {
                Severity::Wanted
            };
            (
                format!(
                    "the boot did not settle within {} s; still running: {}",
                    settled.limit_seconds,
                    settled.running.join(", ")
                ),
                severity,
            )
        }
    };
    Some(Outcome::finding("settle", SETTLE, severity, message))
}

/// Checks of the last healthy boot that are not there any more. One whose file system is not mounted fails the boot;
/// any other was probably removed on purpose, but that is for an administrator to say.
pub fn vanished(known: &[KnownCheck], found: &Found, mounts: &[Mount]) -> Vec<Outcome> {
    known
        .iter()
        .filter(|known| !found.checks.iter().any(|check| check.unit == known.unit))
        .map(|known| {
            let not_mounted = mount_point_of(mounts, &known.source) != Some(known.mount.as_str());
            let (severity, message) = if not_mounted {
                (
                    Severity::Required,
                    format!(
                        "'{}' is gone: '{}' is not mounted",
                        known.source, known.mount
                    ),
                )
            } else {
                (
                    Severity::Wanted,
                    format!(
                        "'{}' was there at the last healthy boot and is gone",
                        known.source
                    ),
                )
            };
            Outcome {
                source: Some(known.source.clone()),
                ..Outcome::finding(&known.name, &known.unit, severity, message)
            }
        })
        .collect()
}

/// Directories and plugins that could not be looked at: each may be a check that should have failed. A warning about
/// a file of a check, a drop-in too, is left to that check.
pub fn unreadable(found: &Found) -> Vec<Outcome> {
    let is_check = |path: &PathBuf| {
        found
            .checks
            .iter()
            .any(|check| check.sources.contains(path))
    };
    found
        .warnings
        .iter()
        .filter(|warning| !is_check(&warning.path))
        .map(|warning| {
            let name = warning.path.to_string_lossy();
            Outcome::finding(
                &name,
                health_checks::TARGET,
                Severity::Required,
                warning.to_string(),
            )
        })
        .collect()
}

/// What to remember of the checks there are now.
pub fn known(found: &Found, mounts: &[Mount]) -> Vec<KnownCheck> {
    found
        .checks
        .iter()
        .map(|check| {
            let source = check.source.to_string_lossy().into_owned();
            KnownCheck {
                name: check.name.clone(),
                unit: check.unit.clone(),
                mount: mount_point_of(mounts, &source).unwrap_or("/").to_owned(),
                source,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployment::{Deployment, Exists};
    use crate::model::facts::BootKey;
    use crate::sys::mountinfo;

    const MOUNTED: &str =
        "1 1 0:1 / / rw - btrfs d rw\n2 1 0:1 /@/usr/local /usr/local rw - btrfs d rw\n";
    const NOT_MOUNTED: &str = "1 1 0:1 / / rw - btrfs d rw\n";

    fn known_check() -> KnownCheck {
        KnownCheck {
            name: "x".to_owned(),
            unit: "health-check-local@x.service".to_owned(),
            source: "/usr/local/libexec/health-checker/x".to_owned(),
            mount: "/usr/local".to_owned(),
        }
    }

    #[test]
    fn a_vanished_check_fails_the_boot_only_where_its_file_system_is_not_mounted() {
        let nothing = Found::default();
        let on = vanished(&[known_check()], &nothing, &mountinfo::parse(MOUNTED));
        assert_eq!((on.len(), on[0].severity), (1, Severity::Wanted));
        let off = vanished(&[known_check()], &nothing, &mountinfo::parse(NOT_MOUNTED));
        assert_eq!((off.len(), off[0].severity), (1, Severity::Required));
        assert!(off[0].message.contains("'/usr/local' is not mounted"));
    }

    #[test]
    fn not_settling_counts_only_against_a_new_snapshot_of_a_machine_that_settles() {
        let late = Settled {
            settled: false,
            limit_seconds: 300,
            running: vec!["slow.service".to_owned()],
            ..Settled::default()
        };
        let deployment = Deployment::numbered(1);
        for (usual, known_good, severity) in [
            (true, false, Severity::Required),
            (true, true, Severity::Wanted),
            (false, false, Severity::Wanted),
        ] {
            let mut state = State::default();
            state.commit(
                crate::state::KnownGood::new(&deployment, usual),
                &BootKey::default(),
                &|_| Exists::Yes,
            );
            let finding = settled(Some(&late), &state, known_good).unwrap();
            assert_eq!(finding.severity, severity);
            assert!(finding.message.contains("slow.service"));
        }
        assert_eq!(
            settled(
                Some(&Settled {
                    settled: true,
                    ..Settled::default()
                }),
                &State::default(),
                false
            ),
            None
        );
        assert_eq!(
            settled(None, &State::default(), false).unwrap().severity,
            Severity::Wanted
        );
    }
}
