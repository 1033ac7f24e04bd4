//! Version 1 of the state named snapshots by number, subvolume id and uuid. It is read, and notes beside snapshots are still
//! written so: the one that is gone back to may be older than we are.

use serde_json::{Map, Value};

use super::identity;
use crate::model::deployment::Deployment;

/// Where a deployment stands in it, by the name of version 1 and of today.
const NAMES: [(&str, &str); 2] = [("snapshot", "deployment"), ("target", "target")];
/// Lists of version 1 in which a snapshot stood among the other fields.
const FLAT: [&str; 2] = ["known_good", "bad"];

/// A state or an incident of version 1, as version 2 has it. What is no snapshot stays as it is, and is damage for whoever
/// reads it.
pub fn upgrade(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(upgrade),
        Value::Object(object) => {
            for name in FLAT {
                let items = object.get_mut(name).and_then(Value::as_array_mut);
                items.into_iter().flatten().for_each(unflatten);
            }
            for (old, new) in NAMES {
                let Some(named) = object.get(old) else {
                    continue;
                };
                let named = match identity::of_json(named) {
                    Some(deployment) => to_value(&deployment),
                    None => named.clone(),
                };
                object.remove(old);
                object.insert(new.to_owned(), named);
            }
            object.values_mut().for_each(upgrade);
        }
        _ => {}
    }
}

fn unflatten(item: &mut Value) {
    let Some(deployment) = identity::of_json(item) else {
        return;
    };
    if let Some(object) = item.as_object_mut() {
        for field in ["number", "id", "uuid"] {
            object.remove(field);
        }
        object.insert("deployment".to_owned(), to_value(&deployment));
    }
}

/// The other way round, for an incident.
pub fn downgrade(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(downgrade),
        Value::Object(object) => {
            for (old, new) in NAMES {
                if let Some(named) = object.remove(new) {
                    object.insert(old.to_owned(), snapshot(named));
                }
            }
            object.values_mut().for_each(downgrade);
        }
        _ => {}
    }
}

fn snapshot(named: Value) -> Value {
    let deployment: Option<Deployment> = serde_json::from_value(named.clone()).ok();
    deployment
        .and_then(|deployment| identity::to_json(&deployment))
        .unwrap_or(named)
}

fn to_value(deployment: &Deployment) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), Value::from(deployment.id.as_str()));
    object.insert("label".to_owned(), Value::from(deployment.label.as_str()));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use health_checks::Root;

    use super::*;
    use crate::deployment::store;
    use crate::state::incident::Incident;
    use crate::state::store::Store;
    use crate::state::{State, VERSION};

    /// Frozen: states that were written, and what they are in the version after. None of them is ever changed; a new version
    /// adds its own.
    const SAMPLES: [(&str, &str); 2] = [
        (
            include_str!("../../state/samples/1-healthy.json"),
            include_str!("../../state/samples/2-healthy.json"),
        ),
        (
            include_str!("../../state/samples/1-everything.json"),
            include_str!("../../state/samples/2-everything.json"),
        ),
    ];

    fn with(text: &str) -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let store = store(&Root::at(directory.path()));
        fs::create_dir_all(store.path().parent().unwrap()).unwrap();
        fs::write(store.path(), text).unwrap();
        (directory, store)
    }

    #[test]
    fn a_state_of_version_1_is_read_and_written_as_version_2() {
        for (old, new) in SAMPLES {
            let (_directory, store) = with(old);
            let loaded = store.load();
            assert!(
                loaded.warnings.is_empty() && loaded.is_whole,
                "{:?}",
                loaded.warnings
            );
            assert_eq!(loaded.state.version, VERSION);
            // Looking changes nothing.
            assert_eq!(fs::read_to_string(store.path()).unwrap(), old);
            store.save(&loaded.state).unwrap();
            assert_eq!(fs::read_to_string(store.path()).unwrap(), new);
            assert_eq!(store.load().state, loaded.state);
            let files = fs::read_dir(store.path().parent().unwrap()).unwrap();
            assert_eq!(files.count(), 1, "nothing was put aside");
        }
    }

    #[test]
    fn a_damaged_state_of_version_1_is_damage() {
        let (everything, _) = SAMPLES[1];
        for (right, wrong) in [
            ("\"number\": 3", "\"number\": 3.0"),
            ("\"number\": 3", "\"number\": -3"),
            ("\"number\": 3", "\"nummer\": 3"),
            ("\"uuid\": \"", "\"uuid\": null, \"was\": \""),
            ("\"id\": 264", "\"id\": \"264\""),
            ("\"snapshot\": {", "\"snapshot\": [], \"was\": {"),
            (
                "\"snapshot\": {",
                "\"deployment\": {\"id\": \"x\"}, \"snapshot\": {",
            ),
        ] {
            let damaged = everything.replace(right, wrong);
            assert_ne!(damaged, everything, "{right}");
            let (_directory, store) = with(&damaged);
            let loaded = store.load();
            if wrong.contains("deployment") {
                assert_eq!(loaded.warnings.len(), 0, "what is not known is no damage");
                continue;
            }
            assert_eq!(loaded.state, State::default(), "{wrong}");
            assert_eq!(loaded.warnings.len(), 1, "{wrong}");
        }
        let (_directory, store) = with("");
        for length in (0..everything.trim_end().len()).step_by(7) {
            fs::write(store.path(), &everything[..length]).unwrap();
            assert_eq!(store.load().state, State::default(), "{length}");
        }
    }

    #[test]
    fn a_note_is_read_whoever_wrote_it() {
        let (old, new) = SAMPLES[1];
        let incident = |text| serde_json::from_str::<Value>(text).unwrap()["incident"].clone();
        let mut note = incident(new);
        downgrade(&mut note);
        assert_eq!(
            note,
            incident(old),
            "an older health-checker understands it"
        );
        upgrade(&mut note);
        let read: Incident = serde_json::from_value(note).unwrap();
        assert_eq!(read, serde_json::from_value(incident(new)).unwrap());
    }
}
