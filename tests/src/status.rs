//! Owns reading what health-checker says of a running machine: `health-checker status --json`.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::boot::Boot;

/// The answer of `health-checker status --json`. What is missing in it reads as null, which no test expects.
#[derive(Debug)]
pub struct Status(pub Value);

impl Boot {
    /// Asks health-checker inside.
    pub fn status(&self) -> Result<Status> {
        let text = self.shell("health-checker status --json")?;
        let value = serde_json::from_str(&text)
            .with_context(|| format!("'status --json' is not JSON: {text}"))?;
        Ok(Status(value))
    }

    /// What a unit has said in this boot.
    pub fn said(&self, unit: &str) -> Result<String> {
        self.run(["journalctl", "--sync"])?;
        self.journal(&["--boot", "--output=cat", "--unit", unit])
    }
}

impl Status {
    /// The verdict and the action, as words.
    pub fn verdict(&self) -> (&str, &str) {
        (word(&self.0["verdict"]), word(&self.0["action"]))
    }

    /// Numbers of the known good snapshots, newest first.
    pub fn known_good(&self) -> Vec<u64> {
        numbers(&self.0["known_good"])
    }

    /// Numbers of the snapshots that were rolled back from, newest first.
    pub fn bad(&self) -> Vec<u64> {
        numbers(&self.0["bad"])
    }

    /// One check of this boot by its name.
    pub fn check(&self, name: &str) -> &Value {
        find(&self.0["checks"], "name", name)
    }

    /// Names of the checks that did not pass in this boot.
    pub fn failed(&self) -> Vec<&str> {
        let failed = |check: &&Value| !["passed", "skipped"].contains(&word(&check["result"]));
        list(&self.0["checks"])
            .iter()
            .filter(failed)
            .map(|check| word(&check["name"]))
            .collect()
    }

    /// The incident, or null.
    pub fn incident(&self) -> &Value {
        &self.0["incident"]
    }

    /// What failed in the incident: snapshot and name of each check, newest boot first.
    pub fn incident_failed(&self) -> Vec<(u64, &str)> {
        list(&self.incident()["failed"])
            .iter()
            .map(|check| (number(&check["snapshot"]), word(&check["name"])))
            .collect()
    }

    /// One failed check of the incident by its name.
    pub fn incident_check(&self, name: &str) -> &Value {
        find(&self.incident()["failed"], "name", name)
    }

    /// What was done in the incident: action and progress of each step, in order.
    pub fn steps(&self) -> Vec<(&str, &str)> {
        list(&self.incident()["steps"])
            .iter()
            .map(|step| (word(&step["action"]), word(&step["progress"])))
            .collect()
    }

    /// One step of the incident by its action.
    pub fn step(&self, action: &str) -> &Value {
        find(&self.incident()["steps"], "action", action)
    }
}

/// Lines of text in a list, as one text.
pub fn lines(value: &Value) -> String {
    list(value).iter().map(word).collect::<Vec<_>>().join("\n")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn find<'v>(value: &'v Value, key: &str, wanted: &str) -> &'v Value {
    list(value)
        .iter()
        .find(|item| item[key] == wanted)
        .unwrap_or(&Value::Null)
}

fn numbers(value: &Value) -> Vec<u64> {
    list(value).iter().map(number).collect()
}

/// Snapshots have numbers from 1 on: 0 is none.
fn number(snapshot: &Value) -> u64 {
    snapshot["number"].as_u64().unwrap_or_default()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
