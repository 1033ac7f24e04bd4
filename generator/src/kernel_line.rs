//! What the kernel command line says about us; it has the last word.

use std::io::ErrorKind;

use crate::files::root::Root;

/// How much is to be done in this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `health-checker=0`: nothing at all.
    Off,
    /// `health-checker.action=report` or `health-checker-reboot=disabled`: judge, but do not act.
    Report,
    /// The normal case.
    Act,
}

/// What the boot loader says of this boot, by a word that our GRUB pieces add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoaderWord {
    /// `health-checker.boot=trial`: if this boot dies, the boot loader counts it.
    Trial,
    /// `health-checker.boot=fallback`: it gave up on the default snapshot, and booted a known good one.
    Fallback,
}

/// All that matters of the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// How much is to be done.
    pub mode: Mode,
    /// What the boot loader says.
    pub loader: Option<LoaderWord>,
    /// The target that was asked for, where it is not one of an ordinary boot: nobody expects a verdict there.
    pub target: Option<String>,
}

/// How much is to be done in the system below `root`, by its kernel command line.
pub fn command_line(root: &Root) -> Mode {
    CommandLine::read(root).mode
}

impl CommandLine {
    /// Reads the command line of the system below `root`.
    ///
    /// One that cannot be read may have said anything: then nothing is acted upon.
    pub fn read(root: &Root) -> Self {
        match arguments(root) {
            Ok(words) => Self {
                mode: mode(&words),
                loader: loader(&words),
                target: target(&words),
            },
            Err(error) => Self {
                mode: match error.kind() {
                    ErrorKind::NotFound => Mode::Act,
                    _ => Mode::Report,
                },
                loader: None,
                target: None,
            },
        }
    }
}

/// Whether this is a container (systemd writes the file there, whatever the manager).
pub fn in_container(root: &Root) -> bool {
    root.join("/run/systemd/container")
        .symlink_metadata()
        .is_ok()
}

fn arguments(root: &Root) -> std::io::Result<Vec<String>> {
    // A container sees the command line of its host in /proc/cmdline; its own is that of PID 1.
    let container = in_container(root);
    let path = if container {
        "/proc/1/cmdline"
    } else {
        "/proc/cmdline"
    };
    let bytes = std::fs::read(root.join(path))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(if container {
        text.split('\0').map(str::to_owned).collect()
    } else {
        words(&text)
    })
}

/// Splits as systemd does: quotes group, and are dropped; backslashes mean nothing.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_ascii_whitespace() => words.push(String::new()),
            _ => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words
}

/// The last one of each option counts; an option with a value that means nothing does not.
fn mode(words: &[String]) -> Mode {
    let (mut on, mut act, mut reboot) = (true, true, true);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match (key.replace('_', "-").as_str(), value) {
            ("health-checker", value) => on = boolean(value).unwrap_or(on),
            ("health-checker.action", value) => act = value != "report",
            ("health-checker-reboot", value) => reboot = value != "disabled",
            _ => {}
        }
    }
    match (on, act && reboot) {
        (false, _) => Mode::Off,
        (true, false) => Mode::Report,
        (true, true) => Mode::Act,
    }
}

fn loader(words: &[String]) -> Option<LoaderWord> {
    let mut values = words
        .iter()
        .filter_map(|word| word.strip_prefix("health-checker.boot="));
    match values.next_back()? {
        "trial" => Some(LoaderWord::Trial),
        "fallback" => Some(LoaderWord::Fallback),
        _ => None,
    }
}

/// Targets of an ordinary boot: each of them brings in multi-user.target, and that one brings us in.
const ORDINARY: [&str; 7] = [
    "default.target",
    "multi-user.target",
    "graphical.target",
    "runlevel2.target",
    "runlevel3.target",
    "runlevel4.target",
    "runlevel5.target",
];

/// As systemd(1) reads it, the last word that names a target.
fn target(words: &[String]) -> Option<String> {
    let asked = words.iter().rev().find_map(|word| match word.as_str() {
        "emergency" | "-b" => Some("emergency.target"),
        "rescue" | "single" | "-s" | "s" | "S" | "1" => Some("rescue.target"),
        "2" | "3" | "4" | "5" => Some("multi-user.target"),
        word => word.strip_prefix("systemd.unit="),
    })?;
    (!ORDINARY.contains(&asked)).then(|| asked.to_owned())
}

/// The words that systemd takes for a boolean; none at all is a yes.
fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "" | "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Act, Off, Report};

    #[test]
    fn options() {
        let table = [
            ("", Act),
            ("quiet root=/dev/vda1 health-checker=1\n", Act),
            ("health-checker=0", Off),
            ("health_checker=off", Off),
            ("health-checker=0 health-checker=1", Act),
            ("health-checker=1 health_checker=No", Off),
            ("health-checker", Act),
            ("rd.health-checker=0", Act),
            ("x=\"health-checker=0 y\"", Act),
            ("x=\"a b\" \"health-checker=0\"", Off),
            ("'health-checker'=\"0\"", Off),
            ("x=\"unfinished health-checker=0", Act),
            ("health-checker.action=report", Report),
            (
                "health-checker.action=report health-checker.action=act",
                Act,
            ),
            ("health-checker-reboot=disabled", Report),
            (
                "health-checker-reboot=disabled health-checker.action=act",
                Report,
            ),
            ("health_checker_reboot=disabled health-checker=0", Off),
            ("health-checker=0 health-checker=garbage", Off),
        ];
        for (line, expected) in table {
            assert_eq!(mode(&words(line)), expected, "{line}");
        }
    }

    #[test]
    fn a_target_that_was_asked_for_is_not_an_ordinary_boot() {
        let table = [
            ("quiet root=/dev/vda1", None),
            ("systemd.unit=graphical.target 5", None),
            ("single", Some("rescue.target")),
            ("quiet -b", Some("emergency.target")),
            (
                "systemd.unit=system-update.target",
                Some("system-update.target"),
            ),
            ("emergency systemd.unit=multi-user.target", None),
            ("rd.systemd.unit=emergency.target", None),
        ];
        for (line, expected) in table {
            assert_eq!(target(&words(line)).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_boot_loader_says_that_it_fell_back() {
        let table = [
            ("health-checker.boot=trial", Some(LoaderWord::Trial)),
            (
                "health-checker.boot=trial quiet health-checker.boot=fallback",
                Some(LoaderWord::Fallback),
            ),
            ("health-checker.boot=", None),
            ("quiet", None),
        ];
        for (line, expected) in table {
            assert_eq!(loader(&words(line)), expected, "{line}");
        }
    }

    #[test]
    fn a_container_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        assert_eq!(command_line(&root), Act);
        std::fs::create_dir_all(root.join("/proc/1")).unwrap();
        std::fs::create_dir_all(root.join("/run/systemd")).unwrap();
        std::fs::write(root.join("/proc/cmdline"), "health-checker=0\n").unwrap();
        std::fs::write(
            root.join("/proc/1/cmdline"),
            "/sbin/init\0health-checker.action=report\0",
        )
        .unwrap();
        assert_eq!(command_line(&root), Off);
        std::fs::write(root.join("/run/systemd/container"), "").unwrap();
        assert_eq!(command_line(&root), Report);
        std::fs::remove_file(root.join("/proc/1/cmdline")).unwrap();
        std::fs::create_dir(root.join("/proc/1/cmdline")).unwrap();
        assert_eq!(command_line(&root), Report);
    }
}
