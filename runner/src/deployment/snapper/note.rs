//! A note beside a snapshot that was rolled back while `/var` could not be written: the update may have broken just
//! that. `/.snapshots/N/health-checker-incident.json`; the next boot takes it over into its state.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Snapshots;
use crate::state::incident::Incident;

const NAME: &str = "health-checker-incident.json";

/// Leaves a note beside the booted snapshot, durably.
///
/// # Errors
/// When `/.snapshots` cannot be written either.
pub fn leave(snapshots: &Snapshots, incident: &Incident) -> Result<()> {
    let path = path(snapshots, snapshots.booted().number);
    let what = || format!("cannot write '{}'", path.display());
    let mut file = File::create(&path).with_context(what)?;
    file.write_all(&serde_json::to_vec_pretty(incident)?)
        .with_context(what)?;
    file.sync_all().with_context(what)
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

/// Takes notes away once they are in the state.
pub fn remove(notes: &mut Vec<PathBuf>) {
    for path in notes.drain(..) {
        if let Err(error) = fs::remove_file(&path) {
            log::warn!("'{}' cannot be removed: {error}", path.display());
        }
    }
}

fn path(snapshots: &Snapshots, number: u64) -> PathBuf {
    snapshots.directory.join(number.to_string()).join(NAME)
}

fn read(path: &Path) -> Option<Incident> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}
