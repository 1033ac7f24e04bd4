//! `health-probe container`: containers of podman run, and their health checks pass.

use clap::Args;
use serde_json::Value;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program;
use crate::text::{list, quoted};

/// Containers of podman run and, where they have a health check, are healthy.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe container web\n  health-probe container web db --timeout 2min"
)]
pub struct Container {
    /// Names of containers
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

impl Probe for Container {
    fn expected(&self) -> String {
        match self.names.as_slice() {
            [one] => format!("container '{one}' running and healthy"),
            names => format!("containers {} running and healthy", list(names)),
        }
    }

    fn look(&self, limit: Limit) -> Look {
        let mut found = Vec::new();
        for name in &self.names {
            let arguments = ["inspect", "--type=container", "--", name];
            let ran = program::run("podman", &arguments, limit)?;
            if !ran.status.success() {
                return Err(Problem::not_yet(ran.said()));
            }
            found.push(judge(name, &ran.stdout)?);
        }
        Ok(found.join(", "))
    }
}

/// Reads what `podman inspect` prints: an array with one container.
fn judge(name: &str, json: &str) -> Look {
    let value: Value = serde_json::from_str(json)
        .map_err(|_| Problem::last(format!("'podman inspect' saying {}", quoted(json))))?;
    let state = &value[0]["State"];
    let status = state["Status"].as_str().unwrap_or("without a status");
    if status != "running" {
        let exit = match state["ExitCode"].as_i64() {
            Some(code) if status == "exited" => format!(" with status {code}"),
            _ => String::new(),
        };
        return Err(Problem::not_yet(format!("'{name}' {status}{exit}")));
    }
    // Podman before 4 called it Healthcheck. Without a health check it is empty or absent.
    let health = ["Health", "Healthcheck"].iter().find_map(|key| {
        state[key]["Status"]
            .as_str()
            .filter(|text| !text.is_empty())
    });
    match health {
        None | Some("none") => Ok(format!("'{name}' running, without a health check")),
        Some("healthy") => Ok(format!("'{name}' running and healthy")),
        Some(other) => Err(Problem::not_yet(format!("'{name}' running, but {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_podman_is_understood() {
        for (json, expected) in [
            (
                r#"[{"State":{"Status":"running"}}]"#,
                Ok("'web' running, without a health check"),
            ),
            (
                r#"[{"State":{"Status":"running","Health":{"Status":""}}}]"#,
                Ok("'web' running, without a health check"),
            ),
            (
                r#"[{"State":{"Status":"running","Health":{"Status":"healthy"}}}]"#,
                Ok("'web' running and healthy"),
            ),
            (
                r#"[{"State":{"Status":"running","Healthcheck":{"Status":"unhealthy"}}}]"#,
                Err("'web' running, but unhealthy"),
            ),
            (
                r#"[{"State":{"Status":"running","Health":{"Status":"starting"}}}]"#,
                Err("'web' running, but starting"),
            ),
            (
                r#"[{"State":{"Status":"exited","ExitCode":3}}]"#,
                Err("'web' exited with status 3"),
            ),
            (r#"[{"State":{"Status":"paused"}}]"#, Err("'web' paused")),
            ("[]", Err("'web' without a status")),
        ] {
            let expected = expected.map(String::from).map_err(Problem::not_yet);
            assert_eq!(judge("web", json), expected, "{json}");
        }
        assert!(matches!(judge("web", "oops"), Err(Problem::Final(_))));
    }
}
