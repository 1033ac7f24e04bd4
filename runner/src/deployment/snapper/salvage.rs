//! What is left of the state where it was lost: known good snapshots by the legacy file and by snapper's userdata.

use super::legacy::Legacy;
use super::{Snapshots, marks};
use crate::bootloader::snapshot::SnapshotId;

/// Known good snapshots from the legacy file (first) and from userdata, as far as they exist.
pub fn good_elsewhere(legacy: &Legacy, snapshots: &Snapshots) -> Vec<SnapshotId> {
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
