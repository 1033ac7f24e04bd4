//! Our own units: all there, none masked, and enabled as a whole or not at all.

use std::path::Path;

use health_checks::{Origin, Root, TARGET};

use super::finding::Finding;
use super::unit_files::{Presence, links, presence};

const RUNNER: &str = "health-checker.service";
const WANTED_BY: &str = "multi-user.target.wants";
const REQUIRED_BY: &str = "boot-complete.target.requires";
/// Beside the runner.
const PARTS: [&str; 7] = [
    TARGET,
    "health-check-settle.service",
    "health-check-late.target",
    "health-check-finished.target",
    "health-checker-failsafe.service",
    "health-checker-rescue.service",
    "healthcheck.slice",
];

/// What is wrong with them.
pub fn findings(root: &Root) -> Vec<Finding> {
    let mut findings: Vec<Finding> = runner(root).into_iter().collect();
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
