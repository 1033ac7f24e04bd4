//! What is left of the state where it was lost: known good snapshots by the legacy file and by snapper's userdata.

use super::{Snapshots, marks};
use crate::model::facts::SnapshotId;
use crate::state::legacy::Legacy;
use crate::state::store::{Loaded, Store, WHAT_IS_LEFT};

/// Where the state knows no good snapshot that exists, those that others know are taken over.
pub fn salvage(loaded: &mut Loaded, store: &Store, snapshots: &Snapshots) {
    let exists = |snapshot: &SnapshotId| snapshots.exists(snapshot);
    let elsewhere = || good_elsewhere(&store.legacy(), snapshots);
    if loaded.state.salvage(elsewhere, &exists) && loaded.is_whole {
        loaded.warnings.push(format!(
            "'{}' names no good snapshot that exists, and others do{WHAT_IS_LEFT}",
            store.path().display()
        ));
    }
}

/// Known good snapshots from the legacy file (first) and from userdata, as far as they exist.
fn good_elsewhere(legacy: &Legacy, snapshots: &Snapshots) -> Vec<SnapshotId> {
    let named = legacy.number.and_then(|number| snapshots.get(number));
    // Numbers are reused: the id must fit as well.
    let mut good: Vec<SnapshotId> = named
        .filter(|snapshot| legacy.id == Some(snapshot.id))
        .into_iter()
        .collect();
    for snapshot in marks::marked(snapshots) {
        if !good.contains(&snapshot) {
            good.push(snapshot);
        }
    }
    good
}
