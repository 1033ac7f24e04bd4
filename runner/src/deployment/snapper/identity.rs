//! How snapshots are called outside of this room: `snapper:NUMBER:SUBVOLUME_ID:UUID`, and `snapshot NUMBER` for people.

use serde_json::{Value, json};

use crate::bootloader::snapshot::SnapshotId;
use crate::model::deployment::Deployment;

/// The first word of an identity.
pub const KIND: &str = "snapper";

/// A snapshot for everybody else.
pub fn deployment(snapshot: &SnapshotId) -> Deployment {
    let SnapshotId { number, id, uuid } = snapshot;
    Deployment {
        id: format!("{KIND}:{number}:{id}:{uuid}"),
        label: snapshot.to_string(),
    }
}

/// The snapshot behind an identity; `None` where it is not one of ours.
pub fn snapshot(deployment: &Deployment) -> Option<SnapshotId> {
    let mut words = deployment.id.splitn(4, ':');
    if words.next() != Some(KIND) {
        return None;
    }
    Some(SnapshotId {
        number: words.next()?.parse().ok()?,
        id: words.next()?.parse().ok()?,
        uuid: words.next()?.to_owned(),
    })
}

/// What `--json` has said of a snapshot since 2.0.
pub fn to_json(deployment: &Deployment) -> Option<Value> {
    Some(json!(snapshot(deployment)?))
}

/// The other way round.
pub fn of_json(value: &Value) -> Option<Deployment> {
    let snapshot = serde_json::from_value(value.clone()).ok()?;
    Some(deployment(&snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (number, uuid) in [(5, "a-b"), (0, ""), (u64::MAX, "with:colons")] {
            let id = SnapshotId {
                number,
                id: 266,
                uuid: uuid.to_owned(),
            };
            let outside = deployment(&id);
            assert_eq!(snapshot(&outside), Some(id));
            assert_eq!(of_json(&to_json(&outside).unwrap()), Some(outside));
        }
    }

    #[test]
    fn what_is_not_ours_is_no_snapshot() {
        for id in [
            "",
            "snapper",
            "snapper:5",
            "snapper:5:266",
            "snapper:x:266:uuid",
            "snapper:-5:266:uuid",
            "ostree:5:266:uuid",
        ] {
            let foreign = Deployment {
                id: id.to_owned(),
                label: "snapshot 5".to_owned(),
            };
            assert_eq!(snapshot(&foreign), None, "{id}");
        }
    }
}
