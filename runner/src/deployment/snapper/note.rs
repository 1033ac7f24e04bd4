//! A note beside a snapshot that was rolled back while `/var` could not be written: the update may have broken just
//! that. `/.snapshots/N/health-checker-incident.json`; the next boot takes it over into its state.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use super::{Snapshots, version_1};
use crate::state::incident::Incident;
use crate::sys::durable;

const NAME: &str = "health-checker-incident.json";

/// Leaves a note beside the booted snapshot, durably.
///
/// # Errors
/// When `/.snapshots` cannot be written either.
pub fn leave(snapshots: &Snapshots, incident: &Incident) -> Result<()> {
    let mut value = serde_json::to_value(incident)?;
    version_1::downgrade(&mut value);
    let path = path(snapshots, snapshots.booted.number);
    durable::write(&path, &serde_json::to_vec_pretty(&value)?, 0o600)
}

/// The notes there are, with the file that each is in. One that cannot be read is left for people.
pub fn found(snapshots: &Snapshots) -> Vec<(PathBuf, Incident)> {
    let paths = snapshots
        .all()
        .into_iter()
        .map(|snapshot| path(snapshots, snapshot.number));
    paths
        .filter_map(|path| {
            let incident = read(&path)?;
            Some((path, incident))
        })
        .collect()
}

fn path(snapshots: &Snapshots, number: u64) -> PathBuf {
    snapshots.directory.join(number.to_string()).join(NAME)
}

fn read(path: &Path) -> Option<Incident> {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    version_1::upgrade(&mut value);
    serde_json::from_value(value).ok()
}
