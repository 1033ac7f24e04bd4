//! The keys of `[Check]`, as one table: what each takes, and what health-probe is told of it.

use crate::syntax::value::Value;

/// Where health-probe is installed.
pub(crate) const PROBE: &str = "/usr/bin/health-probe";

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    pub(crate) role: Role,
}

/// What a key is for.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// A command of the author's own.
    Exec,
    /// Something about the check, whatever its command is.
    Setting,
    /// A ready-made probe.
    Probe(ProbeCommand),
    /// Goes with these probes only.
    Option {
        /// The keys of those probes.
        of: &'static [&'static str],
        /// How health-probe calls it.
        flag: &'static str,
    },
}

/// A probe of health-probe(1).
#[derive(Clone, Copy)]
pub(crate) struct ProbeCommand {
    /// Its name there; empty if the value is the name.
    pub(crate) command: &'static str,
    /// What it needs of the system.
    pub(crate) needs: Needs,
    /// Whether it asks for nothing without one of its options.
    pub(crate) needs_option: bool,
}

/// How much of the system a probe has to reach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Root, or a view of the file system as it is.
    Everything,
    /// Sockets of the network.
    Network,
    /// systemd over its bus, or files in /proc that anybody may read.
    Local,
}

const fn setting(name: &'static str, value: Value) -> Key {
    let role = Role::Setting;
    Key { name, value, role }
}

const fn probe(name: &'static str, value: Value, command: &'static str, needs: Needs) -> Key {
    let role = Role::Probe(ProbeCommand {
        command,
        needs,
        needs_option: false,
    });
    Key { name, value, role }
}

const fn amounts(name: &'static str, command: &'static str) -> Key {
    Key {
        name,
        value: Value::Path,
        role: Role::Probe(ProbeCommand {
            command,
            needs: Needs::Everything,
            needs_option: true,
        }),
    }
}

const fn option(
    name: &'static str,
    value: Value,
    of: &'static [&'static str],
    flag: &'static str,
) -> Key {
    let role = Role::Option { of, flag };
    Key { name, value, role }
}

/// Most retries that anybody can mean.
const RETRIES_MAX: u32 = 100;

use Needs::{Everything, Local, Network};

/// All keys, as health-checker.check(5) lists them.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key { name: "Exec", value: Value::Command, role: Role::Exec },
    setting("Severity", Value::OneOf(&[("required", "required"), ("wanted", "wanted")])),
    setting("TimeoutSec", Value::Span(1)),
    setting("Retries", Value::Count(0, RETRIES_MAX)),
    setting("RetrySec", Value::Span(0)),
    setting("RestartUnits", Value::Units),
    setting("StopUnits", Value::Units),
    probe("UnitActive", Value::Globs, "unit", Local),
    option("StableSec", Value::Span(0), &["UnitActive"], "--stable"),
    probe("MountPoint", Value::Path, "mount", Everything),
    option("MountType", Value::Text, &["MountPoint"], "--type"),
    option("MountWritable", Value::Only(true), &["MountPoint"], "--writable"),
    probe("PathWritable", Value::Path, "writable", Everything),
    probe("TcpConnect", Value::Address, "tcp", Network),
    probe("HttpGet", Value::Url, "http", Network),
    option("HttpStatus", Value::Status, &["HttpGet"], "--status"),
    option("HttpBody", Value::Text, &["HttpGet"], "--body"),
    option("HttpHeader", Value::Header, &["HttpGet"], "--header"),
    option("HttpCA", Value::Path, &["HttpGet"], "--ca"),
    option("ListenerUser", Value::User, &["TcpConnect", "HttpGet"], "--listener-user"),
    probe("DnsResolve", Value::Text, "dns", Network),
    probe("FileExists", Value::Path, "file", Everything),
    option("FileContains", Value::Text, &["FileExists"], "--contains"),
    option("FileMaxAgeSec", Value::Age, &["FileExists"], "--max-age"),
    amounts("DiskFree", "disk"),
    option("DiskMinFree", Value::Amount, &["DiskFree"], "--min-free"),
    option("DiskMinInodes", Value::Amount, &["DiskFree"], "--min-inodes"),
    option("DiskMinUnallocated", Value::Amount, &["DiskFree"], "--min-unallocated"),
    probe("ProcessRunning", Value::Text, "process", Local),
    option("ProcessMin", Value::Count(1, u32::MAX), &["ProcessRunning"], "--min"),
    option("ProcessUser", Value::User, &["ProcessRunning"], "--user"),
    probe("CommandOutput", Value::Command, "command-output", Everything),
    option("OutputContains", Value::Text, &["CommandOutput"], "--contains"),
    option("OutputEquals", Value::Text, &["CommandOutput"], "--equals"),
    probe("ContainerRunning", Value::Names, "container", Everything),
    probe("ClockSynchronized", Value::Only(true), "clock", Local),
    probe("WatchdogReset", Value::Only(false), "watchdog", Everything),
    probe("FailedUnits", Value::Only(false), "failed-units", Local),
    option("FailedUnitsExcept", Value::Globs, &["FailedUnits"], "--except"),
    probe("PackageDatabase", Value::OneOf(&[("rpm", "rpmdb"), ("dpkg", "dpkg")]), "", Everything),
];

/// The options of a probe.
pub(crate) fn options(probe: &str) -> impl Iterator<Item = (&'static Key, &'static str)> {
    KEYS.iter().filter_map(move |key| match key.role {
        Role::Option { of, flag } if of.contains(&probe) => Some((key, flag)),
        Role::Exec | Role::Setting | Role::Probe(_) | Role::Option { .. } => None,
    })
}

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (index, key) in KEYS.iter().enumerate() {
            assert!(KEYS[..index].iter().all(|other| other.name != key.name));
            if let Role::Option { of, flag } = key.role {
                assert!(!of.is_empty());
                for probe in of {
                    assert!(
                        matches!(find(probe).unwrap().role, Role::Probe(_)),
                        "{probe}"
                    );
                }
                assert!(flag.starts_with("--"));
            }
        }
    }

    #[test]
    fn the_manual_has_every_key_in_this_order() {
        let page = include_str!("../../../docs/health-checker.check.5");
        let mut rest = page;
        for key in KEYS {
            let heading = format!("\n.TP\n.B {}=", key.name);
            rest = rest
                .split_once(&heading)
                .map(|(_, rest)| rest)
                .unwrap_or_else(|| panic!("{}", key.name));
        }
    }

    /// health-probe has a test that it understands what comes of these files.
    #[test]
    fn every_key_of_a_probe_has_a_case() {
        let cases = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/cases/check_probes/root/usr/lib/health-checker/checks.d"
        );
        let texts: Vec<String> = std::fs::read_dir(cases)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        for key in KEYS {
            let is_there = |text: &String| text.contains(&format!("\n{}=", key.name));
            assert!(texts.iter().any(is_there), "no case has '{}='", key.name);
        }
    }

    #[test]
    fn the_manual_says_which_probes_are_confined() {
        let page = include_str!("../../../docs/health-checker.check.5");
        let (_, section) = page.split_once("\n.SH SECURITY\n").unwrap();
        let (_, section) = section.split_once("\nThe probes\n").unwrap();
        let (section, _) = section.split_once("\nLines in\n").unwrap();
        let (network, local) = section.split_once("DynamicUser=yes").unwrap();
        for key in KEYS {
            let Role::Probe(probe) = key.role else {
                continue;
            };
            let is_in = |text: &str| text.contains(&format!(" {}=", key.name));
            let said = match (is_in(network), is_in(local)) {
                (true, false) => Needs::Network,
                (false, true) => Needs::Local,
                _ => Needs::Everything,
            };
            assert!(said == probe.needs, "{}", key.name);
        }
    }

    #[test]
    fn suggestions() {
        use crate::syntax::suggest::suggestion;

        let names = || KEYS.iter().map(|key| key.name);
        let suggested = |name| suggestion(name, names(), |known| format!("{known}="));
        assert_eq!(suggested("HttpGte"), "; did you mean 'HttpGet='?");
        assert_eq!(suggested("severity"), "; did you mean 'Severity='?");
        assert_eq!(suggested("ExecStart"), "; did you mean 'Exec='?");
        assert_eq!(suggested("Color"), "");
    }
}
