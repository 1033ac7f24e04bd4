//! systemd's own opinion of our units together with those of this machine: `systemd-analyze verify`, of which only the
//! text counts (it finds ordering cycles and exits with 0).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use health_checks::{Check, Kind, Root, TARGET};

use super::finding::Finding;
use super::named_units::texts;
use crate::model::units::{RUNNER, is_ours};
use crate::sys::command;
use health_checks::unit_files::{Presence, presence};

/// It takes 0.2 s, and 2 s with 300 checks.
const LIMIT: Duration = Duration::from_secs(60);
/// What pulls in most of a boot, and everything of ours.
const UNITS: [&str; 3] = ["multi-user.target", TARGET, RUNNER];

/// What systemd says of the units that the generator would make now of these checks.
pub fn findings(root: &Root, checks: &[Check]) -> Vec<Finding> {
    ask(root, checks).unwrap_or_else(|error| {
        let text = format!("ordering cycles were not looked for: {error:#}");
        vec![Finding::warning("systemd-analyze", None, text)]
    })
}

fn ask(root: &Root, checks: &[Check]) -> Result<Vec<Finding>> {
    let directory = tempfile::tempdir().context("no temporary directory can be made")?;
    for check in checks {
        let link_into = check.dependency_directory(TARGET);
        health_checks::write(check, directory.path(), &link_into)?;
    }
    // A colon at the end: systemd's own directories come after ours.
    let path = format!("SYSTEMD_UNIT_PATH={}:", directory.path().display());
    let mut argv = vec!["env", path.as_str(), "SYSTEMD_COLORS=0"];
    argv.extend(["systemd-analyze", "verify", "--man=no"]);
    argv.extend(UNITS);
    let of_files = checks
        .iter()
        .filter(|check| check.kind == Kind::File && !check.masked);
    argv.extend(of_files.map(|check| check.unit.as_str()));
    let ended = command::run(&argv, LIMIT, &|| {})?;
    if ended.status.is_none() || ended.status.and_then(|status| status.code()) == Some(127) {
        bail!("'systemd-analyze verify' {ended}");
    }
    let mut findings = cycles(root, checks, &ended.output);
    let drop_in = |unit: &str, line: usize| {
        let place = directory.path().join(format!("{unit}.d"));
        let text = std::fs::read_to_string(place.join("50-health-checker.conf")).ok()?;
        text.lines().nth(line.checked_sub(1)?).map(str::to_owned)
    };
    for check in checks {
        let texts = texts(root, check);
        findings.extend(objections(check, &ended.output).filter_map(|objection| {
            let assignment = match objection.line {
                Some(line) => drop_in(&check.unit, line)?,
                None => "Exec=".to_owned(),
            };
            let (path, line) = texts.iter().rev().find_map(|(path, entries)| {
                let is_it = |entry: &&health_checks::parse::Entry| {
                    let whole = format!("{}={}", entry.key, entry.value);
                    whole == assignment.trim_end() || format!("{}=", entry.key) == assignment
                };
                Some((path, entries.iter().rfind(is_it)?.line))
            })?;
            Some(Finding::warning(path, Some(line), objection.text))
        }));
    }
    Ok(findings)
}

/// Chains of units that wait for each other, with one of ours in them.
fn cycles(root: &Root, checks: &[Check], output: &str) -> Vec<Finding> {
    let mut chains: Vec<Vec<String>> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        if line.contains("Found ordering cycle") {
            chains.push(Vec::new());
            open = true;
        } else if !line.contains("Found dependency on") {
            open = false;
        }
        if let (true, Some(chain)) = (open, chains.last_mut()) {
            chain.extend(jobs(line));
        }
    }
    let mut seen = BTreeSet::new();
    chains.retain(|chain| {
        let ours = chain.iter().any(|unit| is_ours(unit));
        let units: BTreeSet<String> = chain.iter().cloned().collect();
        ours && seen.insert(units)
    });
    chains
        .iter()
        .map(|chain| {
            let quoted: Vec<String> = chain.iter().map(|unit| format!("'{unit}'")).collect();
            let text = format!(
                "ordering cycle of {}: at boot systemd leaves out one of them, mostly a check; take back an \
                 'After=' or 'Before=' between them",
                quoted.join(", ")
            );
            Finding::error(place(root, checks, chain), None, text)
        })
        .collect()
}

/// The names of units in one line about jobs.
fn jobs(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().filter_map(|word| {
        let unit = word.trim_end_matches(['.', ',']).strip_suffix("/start")?;
        Some(unit.to_owned())
    })
}

/// The file that most likely has to be changed: that of a check, else that of somebody else's unit.
fn place(root: &Root, checks: &[Check], chain: &[String]) -> std::path::PathBuf {
    let check = checks.iter().find(|check| chain.contains(&check.unit));
    if let Some(check) = check {
        return check.source.clone();
    }
    let others = chain
        .iter()
        .filter(|unit| !is_ours(unit) && !unit.ends_with(".target"));
    let found = others.map(|unit| presence(root, unit));
    found
        .filter_map(|presence| match presence {
            Presence::There(path) | Presence::Masked(path) => Some(path),
            Presence::Missing => None,
        })
        .next()
        .unwrap_or_else(|| Path::new(&chain[0]).to_owned())
}

/// Something that systemd does not like about one of our units.
#[derive(Debug, PartialEq, Eq)]
struct Objection<'o> {
    /// Line in the drop-in; nothing: about the command.
    line: Option<usize>,
    text: &'o str,
}

fn objections<'o>(check: &Check, output: &'o str) -> impl Iterator<Item = Objection<'o>> {
    let drop_in = format!("{}.d/50-health-checker.conf:", check.unit);
    let command = format!("{}: Command ", check.unit);
    output.lines().filter_map(move |line| {
        if let Some((_, rest)) = line.split_once(&drop_in) {
            let (number, text) = rest.split_once(": ")?;
            return Some(Objection {
                line: Some(number.parse().ok()?),
                text,
            });
        }
        let missing = line.starts_with(&command) && line.contains("is not executable");
        missing.then(|| Objection {
            line: None,
            text: &line[check.unit.len() + 2..],
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    const OLD: &str = "/tmp/x/health-check@web.service.d/50-health-checker.conf:7: Unknown key 'Afterr' in section [Unit], ignoring.
a.service: Found ordering cycle on b.service/start
a.service: Found dependency on a.service/start
a.service: Job b.service/start deleted to break ordering cycle starting with a.service/start
multi-user.target: Found ordering cycle on shop.service/start
multi-user.target: Found dependency on health-checker.service/start
multi-user.target: Found dependency on multi-user.target/start
multi-user.target: Job shop.service/start deleted to break ordering cycle starting with multi-user.target/start
health-check@web.service: Found ordering cycle on late.service/start
health-check@web.service: Found dependency on health-check@web.service/start
health-check@web.service: Command /no/such is not executable: No such file or directory
";
    const NEW: &str = "late.service: Found ordering cycle: late.service/start after health-check@web.service/start after late.service/start - after late.service";

    fn check() -> Check {
        let files = [("/etc/web.check".into(), "[Check]\nExec=/no/such\n".into())];
        health_checks::define(OsStr::new("web"), &files)
    }

    #[test]
    fn only_cycles_of_ours_are_found_by_their_text() {
        let root = Root::at("/nonexistent");
        let shown = |output| -> Vec<String> {
            let findings = cycles(&root, &[check()], output);
            findings.iter().map(ToString::to_string).collect()
        };
        let found = shown(OLD);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with(
                "shop.service: error: ordering cycle of 'shop.service', 'health-checker.service', "
            ),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("/etc/web.check: error: ordering cycle of 'late.service', 'health-check@web.service':"),
            "{found:?}"
        );
        assert_eq!(shown(NEW).len(), 1);
        assert_eq!(shown("late.service: Command /x is not executable"), [""; 0]);
    }

    #[test]
    fn objections_have_their_line() {
        let check = check();
        let found: Vec<Objection> = objections(&check, OLD).collect();
        assert_eq!(
            found,
            [
                Objection {
                    line: Some(7),
                    text: "Unknown key 'Afterr' in section [Unit], ignoring."
                },
                Objection {
                    line: None,
                    text: "Command /no/such is not executable: No such file or directory"
                }
            ]
        );
    }
}
