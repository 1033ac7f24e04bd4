//! What the initrd or the rescue program did (dist/rescue).

use crate::model::facts::SnapshotId;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescue {
    /// The boot in which it was written.
    pub boot_id: String,
    /// The snapshot that could not be used.
    pub from: u64,
    /// Where it went back to, if that exists.
    pub to: Option<SnapshotId>,
    /// The snapshot that could not be used, if it still exists.
    pub from_snapshot: Option<SnapshotId>,
    /// `initrd` or `rescue`.
    pub who: String,
    /// Why.
    pub reason: String,
}
