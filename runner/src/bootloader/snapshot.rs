//! A snapshot of snapper, as boot entries and environment blocks know it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identity of a snapshot. Numbers are reused by snapper, so a number alone proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotId {
    /// snapper's number.
    pub number: u64,
    /// btrfs subvolume id.
    pub id: u64,
    /// btrfs subvolume uuid.
    pub uuid: String,
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {}", self.number)
    }
}

/// snapper's number by the path of a snapshot, whatever the prefix: `/@/.snapshots/3/snapshot`, `@/.snapshots/3/snapshot`
/// and `.snapshots/3/snapshot` are number 3.
pub fn number_of(path: &str) -> Option<u64> {
    let (rest, number) = path.strip_suffix("/snapshot")?.rsplit_once('/')?;
    let is_ours = rest == ".snapshots" || rest.ends_with("/.snapshots");
    is_ours.then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_snapshot_directory_of_snapper_has_a_number() {
        for (path, number) in [
            ("/.snapshots/1/snapshot", Some(1)),
            (".snapshots/12/snapshot", Some(12)),
            ("@/.snapshots/3/snapshot", Some(3)),
            ("/@/.snapshots/265/snapshot", Some(265)),
            ("/", None),
            ("/@", None),
            ("/@/.snapshots/x/snapshot", None),
            ("/@/my.snapshots/1/snapshot", None),
            ("/@/.snapshots/1/snapshot/etc", None),
        ] {
            assert_eq!(number_of(path), number, "{path}");
        }
    }
}
