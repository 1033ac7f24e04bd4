//! Our own units: all there, none masked, and enabled as a whole or not at all.

use std::fs;
use std::path::Path;

use health_checks::parse::parse;
use health_checks::unit_files::{Presence, links, presence, texts};
use health_checks::{Origin, Root, TARGET};

use super::finding::Finding;
use crate::model::units::RUNNER;

const WANTED_BY: &str = "multi-user.target.wants";
const REQUIRED_BY: &str = "boot-complete.target.requires";
/// Beside the runner.
const PARTS: [&str; 8] = [
    TARGET,
    "health-check-settle.service",
    "health-check-late.target",
    "health-check-finished.target",
    "health-checker-failsafe.service",
    "health-checker-rescue.service",
    "health-checker-deadline.service",
    "healthcheck.slice",
];
/// Enabled together with the runner: unit, the target that wants it, and what is lost without it.
const HOOKS: [(&str, &str, &str); 3] = [
    (
        "health-checker-arm.service",
        "sysinit.target",
        "boots that die before their verdict are not counted",
    ),
    (
        "health-checker-deadline.timer",
        "sysinit.target",
        "a boot that hangs goes on hanging",
    ),
    (
        "health-checker-emergency.service",
        "emergency.target",
        "a boot that falls into emergency mode stays there",
    ),
];

/// What is wrong with them.
pub fn findings(root: &Root) -> Vec<Finding> {
    let mut findings: Vec<Finding> = runner(root).into_iter().collect();
    findings.extend(conditions(root));
    let is_enabled = !links(root, WANTED_BY, RUNNER).is_empty();
    for (unit, target, lost) in HOOKS {
        let wants = format!("{target}.wants");
        findings.extend(match presence(root, unit) {
            Presence::Masked(path) => Some(Finding::warning(
                path,
                None,
                format!("masks a part of health-checker, {lost}: 'systemctl unmask {unit}'"),
            )),
            Presence::There(path) if is_enabled && links(root, &wants, unit).is_empty() => {
                Some(Finding::warning(
                    path,
                    None,
                    format!("is not enabled, {lost}: 'systemctl reenable {RUNNER}'"),
                ))
            }
            Presence::There(_) => None,
            Presence::Missing => Some(missing(unit)),
        });
    }
    for unit in PARTS {
        findings.extend(match presence(root, unit) {
            Presence::There(_) => None,
            Presence::Masked(path) => Some(Finding::error(
                path,
                None,
                format!(
                    "masks a part of health-checker: 'systemctl unmask {unit}'; to switch all of it off: \
                     'systemctl disable {RUNNER}'"
                ),
            )),
            Presence::Missing => Some(missing(unit)),
        });
    }
    for template in Origin::ALL.map(Origin::template) {
        findings.extend(match presence(root, template) {
            Presence::There(_) => None,
            Presence::Masked(path) => Some(Finding::warning(
                path,
                None,
                format!(
                    "masks all checks of this template, so that none of them counts: 'systemctl unmask \
                     {template}'"
                ),
            )),
            Presence::Missing => Some(missing(template)),
        });
    }
    findings
}

fn missing(unit: &str) -> Finding {
    Finding::error(
        unit,
        None,
        "a unit of health-checker is not there: install it again",
    )
}

/// Where a condition is not met, there is no verdict, and nothing else says so.
fn conditions(root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in texts(root, RUNNER) {
        let Ok(text) = fs::read_to_string(root.join(&path)) else {
            continue;
        };
        let is_condition = |key: &str| key.starts_with("Condition") || key == "ExecCondition";
        for entry in parse(&text).entries {
            if is_condition(&entry.key) && !entry.value.is_empty() {
                findings.push(Finding::warning(
                    &path,
                    Some(entry.line),
                    format!(
                        "a boot in which this '{}=' is not met is not judged: it is never called good, and nothing is undone",
                        entry.key
                    ),
                ));
            }
        }
    }
    findings
}

/// Masked, gone or enabled by half, it keeps boots from being blessed, or lets all be blessed
/// (systemd-bless-boot.service(8)).
fn runner(root: &Root) -> Option<Finding> {
    let wanted = links(root, WANTED_BY, RUNNER);
    let required = links(root, REQUIRED_BY, RUNNER);
    let link = required.first();
    match (presence(root, RUNNER), link) {
        (Presence::Masked(path), Some(_)) => Some(Finding::error(
            path,
            None,
            format!(
                "no boot is judged, and with boot counting none is ever called good: 'systemctl unmask {RUNNER}', \
                 then, to switch it off, 'systemctl disable {RUNNER}'"
            ),
        )),
        (Presence::Masked(path), None) => Some(Finding::error(
            path,
            None,
            format!("no boot is judged: 'systemctl unmask {RUNNER}'"),
        )),
        (Presence::Missing, Some(link)) => Some(Finding::error(
            link,
            None,
            format!(
                "is left of an installation that is gone, and with boot counting no boot is ever called good: \
                 'rm {}', or install health-checker again",
                link.display()
            ),
        )),
        (Presence::Missing, None) => Some(missing(RUNNER)),
        (Presence::There(path), None) if wanted.is_empty() => Some(Finding::warning(
            path,
            None,
            format!("is not enabled, no boot is judged: 'systemctl enable {RUNNER}'"),
        )),
        (Presence::There(path), None) => Some(half(&path, REQUIRED_BY)),
        (Presence::There(path), Some(_)) if wanted.is_empty() => Some(half(&path, WANTED_BY)),
        (Presence::There(_), Some(_)) => None,
    }
}

fn half(path: &Path, lost: &str) -> Finding {
    Finding::error(
        path,
        None,
        format!(
            "is enabled by half, its link in '{lost}' is missing: 'systemctl reenable {RUNNER}'"
        ),
    )
}
