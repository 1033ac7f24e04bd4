//! Owns short questions to a running machine: what a command prints or answers, the state of a unit, one check of many.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::boot::Boot;
use crate::command::text;
use crate::status::Status;

impl Boot {
    /// What a command inside prints, which must be JSON.
    pub fn json(&self, command: &str) -> Result<Value> {
        let answer = self.shell(command)?;
        serde_json::from_str(&answer).with_context(|| format!("no JSON: '{answer}'"))
    }

    /// What `systemctl is-active` says of a unit.
    pub fn state_of(&self, unit: &str) -> Result<String> {
        let answer = self.run(["systemctl", "is-active", unit])?;
        Ok(text(&answer.stdout).trim_end().to_owned())
    }

    /// Runs a shell script inside; gives its exit status, and what it wrote, standard error last.
    pub fn try_shell(&self, script: &str) -> Result<(Option<i32>, String)> {
        let output = self.run(["sh", "-c", script])?;
        let written = text(&output.stdout) + &text(&output.stderr);
        Ok((output.status.code(), written))
    }
}

impl Status {
    /// One check of this boot by its unit: a name may be there twice.
    pub fn of_unit(&self, unit: &str) -> &Value {
        let checks = self.0["checks"].as_array();
        checks
            .and_then(|checks| checks.iter().find(|check| check["unit"] == unit))
            .unwrap_or(&Value::Null)
    }
}
