//! Where boot loader, snapshots and our units contradict each other.

use std::path::{Path, PathBuf};

use health_checks::Root;

use crate::bootloader::command_line::KernelLine;
use crate::bootloader::{Kind, View};
use crate::deployment;
use crate::model::units::RUNNER;
use crate::sys::boot;
use crate::sys::mountinfo;
use health_checks::unit_files::{Presence, links, presence};

const REQUIRED_BY: &str = "boot-complete.target.requires";
/// The kernel command line, as `verify` names its place.
pub const COMMAND_LINE: &str = "/proc/cmdline";

/// What is known of the snapshots, and of our service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// Name of the snapshot that is the default subvolume.
    pub default: Option<String>,
    /// Names of the snapshots that were rolled back from.
    pub bad: Vec<String>,
    /// What masks the runner.
    pub masked: Option<PathBuf>,
    /// Whether boot-complete.target requires the runner.
    pub required: bool,
    /// Whether the default subvolume is on trial, while the boot loader's default is a good one.
    pub on_trial: bool,
}

impl Around {
    /// Looks at the runner.
    pub fn look(root: &Root, default: Option<String>, bad: Vec<String>) -> Self {
        Self {
            default,
            bad,
            masked: match presence(root, RUNNER) {
                Presence::Masked(path) => Some(path),
                Presence::There(_) | Presence::Missing => None,
            },
            on_trial: false,
            required: !links(root, REQUIRED_BY, RUNNER).is_empty(),
        }
    }
}

/// One sentence for each.
pub fn contradictions(view: &View, around: &Around) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(entry) = &view.default {
        let name = entry.snapshot.map(|number| number.to_string());
        let why = match (&name, entry.tries_left) {
            (Some(number), _) if around.bad.contains(number) => Some(format!(
                "of snapshot {number}, which was rolled back from as bad"
            )),
            (_, Some(0)) => Some("which has no tries left and is booted all the same".to_owned()),
            _ => None,
        };
        warnings.extend(why.map(|why| {
            format!(
                "the boot loader's default is entry '{}' {why}: choose another one of 'bootctl list' by 'bootctl set-default'",
                entry.id
            )
        }));
        if let (Some(boots), Some(default)) = (name, &around.default)
            && boots != *default
            && !around.on_trial
        {
            warnings.push(format!(
                "the boot loader's default is entry '{}' of snapshot {boots}, but the default subvolume is that of \
                 snapshot {default}: set one of them, by 'bootctl set-default' or 'transactional-update rollback {boots}'",
                entry.id
            ));
        }
    }
    if let Some(path) = &around.masked {
        warnings.push(format!(
            "'{}' masks {RUNNER}: no boot is judged, and with boot counting none is ever called good; \
             'systemctl unmask {RUNNER}', then, to switch it off, 'systemctl disable {RUNNER}'",
            path.display()
        ));
    } else if view.counts() && !around.required {
        warnings.push(format!(
            "the boot loader counts boots, but boot-complete.target does not require {RUNNER}: every boot is called good; \
             'systemctl reenable {RUNNER}'"
        ));
    }
    warnings
}

/// A kernel that panics stands still for ever, unless it was told otherwise. `None` where it was, and where nothing could
/// be rolled back.
pub fn no_panic_option(root: &Root) -> Option<String> {
    let line = root.join(COMMAND_LINE);
    let nothing_to_go_back_to = !deployment::is_booted(&mountinfo::read(root));
    if boot::in_container(root) || nothing_to_go_back_to || !Path::new(&line).exists() {
        return None;
    }
    KernelLine::read(root).value("panic").is_none().then(|| {
        "has no 'panic=': a kernel that panics stands still and nothing can be rolled back; add 'panic=30', for example"
            .to_owned()
    })
}

/// A boot loader that could count boots, and is not going to: new entries get a counter from kernel-install(8) and sdbootutil
/// where a file says how many tries.
pub fn no_counting(root: &Root, view: &View) -> Option<String> {
    let could = matches!(view.kind, Kind::SystemdBoot | Kind::Grub2Bls);
    let mut files = [
        "/etc/kernel/tries",
        "/run/kernel/tries",
        "/usr/lib/kernel/tries",
    ]
    .iter();
    let is_set = files.any(|path| root.join(path).exists());
    (could && !is_set && !view.counts()).then(|| {
        "new boot entries are not counted: a kernel that panics may be started again and again; \
         'echo 3 > /etc/kernel/tries' gives each 3 tries"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootloader::Entry;

    fn entry(snapshot: u64, tries_left: Option<u32>) -> Entry {
        Entry {
            id: format!("snap-{snapshot}.conf"),
            path: None,
            snapshot: Some(snapshot),
            tries_left,
            tries_done: None,
        }
    }

    fn around(default: u64) -> Around {
        Around {
            default: Some(default.to_string()),
            bad: Vec::new(),
            masked: None,
            required: true,
            on_trial: false,
        }
    }

    fn view(default: Option<Entry>) -> View {
        View {
            default,
            ..View::empty(Kind::SystemdBoot)
        }
    }

    fn only(warnings: Vec<String>, words: &str) {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(words), "{warnings:?}");
    }

    #[test]
    fn nothing_is_said_where_everything_fits() {
        for default in [None, Some(entry(3, None)), Some(entry(3, Some(2)))] {
            assert_eq!(contradictions(&view(default), &around(3)), [""; 0]);
        }
        assert_eq!(
            contradictions(&View::empty(Kind::None), &around(3)),
            [""; 0]
        );
    }

    #[test]
    fn each_contradiction_is_named() {
        let bad = Around {
            bad: vec!["3".to_owned()],
            ..around(3)
        };
        only(
            contradictions(&view(Some(entry(3, None))), &bad),
            "'snap-3.conf' of snapshot 3, which was rolled back",
        );
        only(
            contradictions(&view(Some(entry(3, Some(0)))), &around(3)),
            "no tries left",
        );
        only(
            contradictions(&view(Some(entry(3, None))), &around(4)),
            "default subvolume is that of snapshot 4",
        );
        let on_trial = Around {
            on_trial: true,
            ..around(4)
        };
        assert_eq!(
            contradictions(&view(Some(entry(3, None))), &on_trial),
            [""; 0]
        );
        let masked = Around {
            masked: Some("/etc/systemd/system/x".into()),
            required: false,
            ..around(3)
        };
        only(
            contradictions(&view(Some(entry(3, Some(2)))), &masked),
            "'/etc/systemd/system/x' masks",
        );
        let disabled = Around {
            required: false,
            ..around(3)
        };
        only(
            contradictions(&view(Some(entry(3, Some(2)))), &disabled),
            "does not require",
        );
        assert_eq!(
            contradictions(&view(Some(entry(3, None))), &disabled),
            [""; 0]
        );
    }

    #[test]
    fn entries_that_nobody_counts() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        let uncounted = view(Some(entry(3, None)));
        let warning = no_counting(&root, &uncounted).unwrap();
        assert!(warning.contains("'echo 3 > /etc/kernel/tries'"));
        assert_eq!(no_counting(&root, &view(Some(entry(3, Some(2))))), None);
        assert_eq!(no_counting(&root, &View::empty(Kind::Grub)), None);
        std::fs::create_dir_all(root.join("/etc/kernel")).unwrap();
        std::fs::write(root.join("/etc/kernel/tries"), "3\n").unwrap();
        assert_eq!(no_counting(&root, &uncounted), None);
    }

    #[test]
    fn a_panic_is_told_what_to_do_on_systems_with_snapshots() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        std::fs::create_dir_all(root.join("/proc/self")).unwrap();
        let mounts = |subvolume: &str| {
            let line = format!("66 1 0:35 {subvolume} / ro - btrfs /dev/vda3 ro\n");
            std::fs::write(root.join("/proc/self/mountinfo"), line).unwrap();
        };
        mounts("/@/.snapshots/3/snapshot");
        assert_eq!(no_panic_option(&root), None);
        std::fs::write(root.join(COMMAND_LINE), "quiet panic_on_oops=1\n").unwrap();
        assert!(no_panic_option(&root).unwrap().contains("'panic=30'"));
        mounts("/");
        assert_eq!(no_panic_option(&root), None);
        mounts("/@/.snapshots/3/snapshot");
        std::fs::write(root.join(COMMAND_LINE), "quiet panic=5\n").unwrap();
        assert_eq!(no_panic_option(&root), None);
    }
}
