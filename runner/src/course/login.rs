//! A line for everybody who logs in, when there is something to know: in `/run/motd.d` (pam_motd(8)) and
//! `/run/issue.d` (agetty(8)). Kept until the incident is acknowledged.

use std::fs;
use std::io;

use health_checks::Root;
use health_checks::text::printable;

use crate::model::facts::{Action, Outcome, Verdict};
use crate::state::incident::Incident;

const FILES: [&str; 2] = [
    "/run/motd.d/50-health-checker",
    "/run/issue.d/50-health-checker.issue",
];

/// Shows what is to be known of this boot and of the incident, or takes the line away.
pub fn show(root: &Root, verdict: Verdict, checks: &[Outcome], incident: Option<&Incident>) {
    write(root, text(verdict, checks, incident).as_deref());
}

/// Takes the line away.
pub fn clear(root: &Root) {
    write(root, None);
}

fn write(root: &Root, text: Option<&str>) {
    for file in FILES {
        let path = root.join(file);
        let done = match text {
            Some(text) => {
                let directory = path.parent().map_or(Ok(()), fs::create_dir_all);
                directory.and_then(|()| fs::write(&path, text))
            }
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        if let Err(error) = done {
            log::warn!("'{file}' cannot be written: {error}");
        }
    }
}

fn text(verdict: Verdict, checks: &[Outcome], incident: Option<&Incident>) -> Option<String> {
    let line = match (verdict, incident) {
        (Verdict::Healthy | Verdict::Degraded, None) => return None,
        (Verdict::Healthy | Verdict::Degraded, Some(incident)) => came_back(incident),
        (Verdict::Unhealthy | Verdict::Pending | Verdict::Unknown, _) => {
            let failed = checks.iter().filter(|check| check.result.is_bad());
            let failed: Vec<&str> = failed.map(|check| check.name.as_str()).collect();
            format!(
                "this boot is UNHEALTHY, failed: {}; see 'health-checker status'",
                failed.join(", ")
            )
        }
    };
    // agetty(8) reads backslashes in issue files as its own.
    Some(format!(
        "health-checker: {}\n",
        printable(&line).replace('\\', "/")
    ))
}

fn came_back(incident: &Incident) -> String {
    let rollback = incident.step(Action::Rollback);
    let target = rollback.and_then(|step| step.target.as_ref());
    let how = match (target, &incident.deployment) {
        (Some(target), Some(from)) => format!("was rolled back from {from} to {target}"),
        (Some(target), None) => format!("was rolled back to {target}"),
        (None, _) => "was unhealthy and came back".to_owned(),
    };
    let mut failed: Vec<&str> = incident.failed.iter().map(|c| c.name.as_str()).collect();
    failed.sort_unstable();
    failed.dedup();
    let failed = failed.join(", ");
    format!(
        "this machine {how}, because of: {failed}; see 'health-checker status', acknowledge with 'health-checker reset'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployment::Deployment;
    use crate::model::facts::{BootKey, Severity};

    #[test]
    fn an_unhealthy_boot_names_what_failed_and_a_healthy_one_is_silent() {
        let failed = [Outcome::finding(
            "a\\b\n",
            "u",
            Severity::Required,
            String::new(),
        )];
        let line = text(Verdict::Unhealthy, &failed, None).unwrap();
        assert!(line.contains("UNHEALTHY, failed: a/b"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(text(Verdict::Healthy, &[], None), None);
    }

    #[test]
    fn a_rollback_is_shown_until_it_is_acknowledged_and_then_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        let deployment = Deployment::numbered;
        let mut incident = Incident::new(&BootKey::default(), Some(&deployment(2)));
        incident.intend(Action::Rollback, &BootKey::default(), Some(&deployment(1)));
        show(&root, Verdict::Healthy, &[], Some(&incident));
        for file in FILES {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(
                text.contains("rolled back from snapshot 2 to snapshot 1"),
                "{text}"
            );
        }
        show(&root, Verdict::Healthy, &[], None);
        assert!(FILES.iter().all(|file| !root.join(file).exists()));
    }
}
