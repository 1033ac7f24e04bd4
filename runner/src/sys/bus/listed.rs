//! Units and jobs, as systemd lists them.

use zbus::OwnedObjectPath;

/// A unit as ListUnits gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Name.
    pub name: String,
    /// `loaded`, `masked`, `not-found`, `bad-setting`, `error`.
    pub load: String,
    /// `active`, `activating`, `inactive`, `failed`, …
    pub active: String,
    /// `exited`, `auto-restart`, `dead`, …
    pub sub: String,
    /// Object path.
    pub path: String,
    /// Whether a job is queued or running.
    pub has_job: bool,
}

/// What ListUnits and its relatives send.
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

impl From<Listed> for Unit {
    fn from(unit: Listed) -> Self {
        Self {
            name: unit.0,
            load: unit.2,
            active: unit.3,
            sub: unit.4,
            path: unit.6.as_str().to_owned(),
            has_job: unit.7 != 0,
        }
    }
}

/// A job as ListJobs gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The unit it is for.
    pub unit: String,
    /// `running` or `waiting`.
    pub running: bool,
}

/// What ListJobs sends.
type ListedJob = (
    u32,
    String,
    String,
    String,
    OwnedObjectPath,
    OwnedObjectPath,
);

impl From<ListedJob> for Job {
    fn from(job: ListedJob) -> Self {
        Self {
            unit: job.1,
            running: job.3 == "running",
        }
    }
}

/// The object path of a unit, as systemd makes it of the name: every byte but letters and digits as `_` and two hex
/// digits, a digit in front too.
pub fn unit_path(name: &str) -> String {
    let mut path = "/org/freedesktop/systemd1/unit/".to_owned();
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0);
        match plain {
            true => path.push(char::from(byte)),
            false => path.push_str(&format!("_{byte:02x}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::unit_path;

    #[test]
    fn paths_of_units_are_as_systemd_makes_them() {
        let path = |name| unit_path(name).split_off("/org/freedesktop/systemd1/unit/".len());
        assert_eq!(path("health-check.target"), "health_2dcheck_2etarget");
        assert_eq!(path(r"a@1\x20b.service"), "a_401_5cx20b_2eservice");
        assert_eq!(path("1.target"), "_31_2etarget");
    }
}
