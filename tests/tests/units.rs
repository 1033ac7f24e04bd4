//! The static units, and installing them: verified by systemd, enabled and disabled, installed without root, removed.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Machine, Release, VENDOR_PLUGINS, programs, source, write_plugin};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// 'nobody' on Debian, and everywhere else.
const NOBODY: u32 = 65534;

/// What `systemctl enable health-checker` is to make, and nothing else.
const LINKS: [&str; 6] = [
    "boot-complete.target.requires/health-checker.service",
    "emergency.target.wants/health-checker-emergency.service",
    "multi-user.target.wants/health-checker.service",
    "rescue.target.wants/health-checker-emergency.service",
    "sysinit.target.wants/health-checker-arm.service",
    "sysinit.target.wants/health-checker-deadline.timer",
];

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// A directory that belongs to nobody, and what `make install` needs beside it, which does not.
struct Tree {
    directory: TempDir,
}

impl Tree {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let tree = Tree { directory };
        // A clone may be where nobody can read it.
        fs::create_dir(tree.path("source")).unwrap();
        for name in ["Makefile", "units", "plugins", "docs", "dist"] {
            let path = source().join(name);
            if path.exists() {
                tree.must(
                    Command::new("cp")
                        .arg("-r")
                        .arg(path)
                        .arg(tree.path("source")),
                );
            }
        }
        for name in ["health-checker", "health-checker-generator", "health-probe"] {
            fs::copy(programs().join(name), tree.path("source").join(name)).unwrap();
        }
        fs::create_dir(tree.root()).unwrap();
        std::os::unix::fs::chown(tree.root(), Some(NOBODY), Some(NOBODY)).unwrap();
        tree
    }

    fn installed() -> Self {
        let tree = Tree::new();
        tree.make("install", &[]);
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    fn must(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}\n{}", text(&output));
        text(&output)
    }

    /// Runs make as nobody, with the root as DESTDIR.
    fn make(&self, goal: &str, settings: &[&str]) {
        self.must(
            Command::new("setpriv")
                .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
                .args(["make", "--directory"])
                .arg(self.path("source"))
                .args([goal, "HEALTH_CHECKER_BIN_DIR=."])
                .arg(format!("DESTDIR={}", self.root().display()))
                .args(settings)
                .env_remove("MAKEFLAGS")
                .env_remove("MAKELEVEL")
                .env("HOME", "/nonexistent"),
        );
    }

    fn systemctl(&self, verb: &str) {
        let root = format!("--root={}", self.root().display());
        self.must(Command::new("systemctl").args([&root, verb, "health-checker"]));
    }

    /// All links below `/etc/systemd/system`.
    fn links(&self) -> Vec<String> {
        let etc = self.root().join("etc/systemd/system");
        let names = files(&etc).into_iter();
        names
            .map(|path| path.strip_prefix(&etc).unwrap().display().to_string())
            .collect()
    }
}

/// All that is no directory, sorted.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

fn units(directory: &Path) -> Vec<PathBuf> {
    let mut units = files(directory);
    units.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        ["service", "target", "slice", "timer"].contains(&extension.unwrap_or_default())
    });
    units
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let tree = Tree::installed();
    let installed = units(&tree.root().join("usr/lib/systemd/system"));
    assert_eq!(
        installed.len(),
        units(&source().join("units")).len(),
        "{installed:?}"
    );
    // The only program of the units that is not ours.
    fs::create_dir_all(tree.root().join("usr/bin")).unwrap();
    fs::copy("/usr/bin/env", tree.root().join("usr/bin/env")).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(format!("--root={}", tree.root().display()))
        .args(&installed)
        .output()
        .unwrap();
    // What it finds does not always make it fail: the text counts.
    assert_eq!(text(&output), "");
    assert!(output.status.success());
}

/// With everything else that is on a machine, and with the units of plugins.
#[test]
fn nothing_to_say_on_a_machine_either() {
    for release in [Release::Trixie, Release::Bookworm] {
        let machine = Machine::builder().release(release).build("verify").unwrap();
        machine
            .edit(|root| {
                write_plugin(root, VENDOR_PLUGINS, "early", "#!/bin/sh\n")?;
                write_plugin(root, ADMIN_PLUGINS, "it's late", "#!/bin/sh\n")
            })
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        // The machine's own settings name keys that 252 does not know.
        boot.shell("rm /etc/systemd/system/*.d/50-test-machine.conf")
            .unwrap();
        let said = boot
            .shell(
                "cd /usr/lib/systemd/system; systemd-analyze verify --man=no health* \
                 health-check@early.service 'health-check-local@it\\x27s\\x20late.service' \
                 multi-user.target boot-complete.target 2>&1",
            )
            .unwrap();
        assert_eq!(said, "", "{release:?}");
        boot.poweroff().unwrap();
    }
}

#[test]
fn enabling_makes_these_links_and_disabling_removes_them() {
    let tree = Tree::installed();
    for enable in ["enable", "preset"] {
        tree.systemctl(enable);
        assert_eq!(tree.links(), LINKS, "{enable}");
        for link in LINKS {
            let target = fs::read_link(tree.root().join("etc/systemd/system").join(link)).unwrap();
            let (_, unit) = link.split_once('/').unwrap();
            assert_eq!(target, Path::new("/usr/lib/systemd/system").join(unit));
        }
        tree.systemctl("disable");
        assert!(tree.links().is_empty(), "{:?}", tree.links());
    }
}

#[test]
fn installed_and_uninstalled_without_root() {
    let tree = Tree::installed();
    tree.systemctl("enable");
    let installed = files(&tree.root().join("usr"));
    for path in &installed {
        let metadata = fs::symlink_metadata(path).unwrap();
        let programs = [
            "usr/bin",
            "usr/sbin",
            "usr/lib/systemd/system-generators",
            "usr/lib/health-checker/rescue",
        ];
        let program = programs
            .iter()
            .any(|directory| path.starts_with(tree.root().join(directory)));
        let mode = if program { 0o100_755 } else { 0o100_644 };
        assert_eq!(
            (metadata.mode(), metadata.uid()),
            (mode, NOBODY),
            "{}",
            path.display()
        );
    }
    let root = tree.root();
    for file in [
        "usr/sbin/health-checker",
        "usr/lib/health-checker/rescue",
        "usr/lib/health-checker/rescue-system",
    ] {
        assert!(installed.contains(&root.join(file)), "{file}");
    }
    assert!(root.join("usr/libexec/health-checker").is_dir());
    // 'enable' was done by root, and so nobody cannot undo it.
    tree.systemctl("disable");
    tree.make("uninstall", &[]);
    assert!(files(&root).is_empty(), "{:?}", files(&root));
    for directory in ["usr/libexec/health-checker", "usr/lib/health-checker"] {
        assert!(!root.join(directory).exists(), "{directory}");
    }
}

#[test]
fn uninstalling_removes_the_links_and_keeps_what_is_not_ours() {
    let tree = Tree::installed();
    let root = tree.root();
    for link in LINKS {
        let link = root.join("etc/systemd/system").join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
    }
    tree.must(
        Command::new("chown")
            .args(["-R", "nobody"])
            .arg(root.join("etc")),
    );
    tree.systemctl("enable");
    write_plugin(&root, VENDOR_PLUGINS, "theirs", "#!/bin/sh\n").unwrap();
    tree.make("uninstall", &[]);
    assert_eq!(
        files(&root),
        [root.join("usr/libexec/health-checker/theirs")]
    );
}

#[test]
fn pieces_for_boot_loaders_and_initrds_are_installed_each_by_itself() {
    let goals: [(&str, &[&str]); 4] = [
        (
            "grub",
            &[
                "etc/default/grub.d/health-checker.cfg",
                "etc/grub.d/07_health-checker",
                "etc/grub.d/95_health-checker",
            ],
        ),
        (
            "dracut",
            &[
                "usr/lib/dracut/modules.d/50health-checker/health-checker-emergency.sh",
                "usr/lib/dracut/modules.d/50health-checker/health-checker-pivot.sh",
                "usr/lib/dracut/modules.d/50health-checker/module-setup.sh",
            ],
        ),
        (
            "initramfs-tools",
            &[
                "usr/share/initramfs-tools/hooks/health-checker",
                "usr/share/initramfs-tools/scripts/init-bottom/health-checker",
                "usr/share/initramfs-tools/scripts/init-top/health-checker",
                "usr/share/initramfs-tools/scripts/panic/health-checker",
            ],
        ),
        ("bls", &["etc/kernel/tries"]),
    ];
    let tree = Tree::new();
    let root = tree.root();
    for (goal, expected) in goals {
        tree.make(&format!("install-{goal}"), &[]);
        let expected: Vec<_> = expected.iter().map(|path| root.join(path)).collect();
        assert_eq!(files(&root), expected, "{goal}");
        for path in &expected {
            let text = fs::read_to_string(path).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            let found = fs::metadata(path).unwrap().mode() & 0o777;
            assert_eq!(found, mode, "{}", path.display());
        }
        tree.make(&format!("uninstall-{goal}"), &[]);
        assert!(files(&root).is_empty(), "{goal}: {:?}", files(&root));
    }
}

#[test]
fn the_number_of_tries_is_the_administrators() {
    let tree = Tree::new();
    let path = tree.root().join("etc/kernel/tries");
    tree.make("install-bls", &[]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    fs::write(&path, "5\n").unwrap();
    for goal in ["install-bls", "uninstall-bls"] {
        tree.make(goal, &[]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n", "{goal}");
    }
}

#[test]
fn directories_can_be_chosen() {
    let settings = [
        "PREFIX=/opt/hc",
        "SBINDIR=/opt/hc/bin",
        "SYSTEMD_UNIT_DIR=/opt/units",
        "SYSTEMD_GENERATOR_DIR=/opt/generators",
        "SYSTEMD_PRESET_DIR=/opt/presets",
        "SYSTEMD_CATALOG_DIR=/opt/catalog",
    ];
    let tree = Tree::new();
    tree.make("install", &settings);
    let root = tree.root();
    assert!(!root.join("usr").exists());
    assert!(
        root.join("opt/generators/health-checker-generator")
            .exists()
    );
    assert!(root.join("opt/presets/90-health-checker.preset").exists());
    let unit = fs::read_to_string(root.join("opt/units/health-checker.service")).unwrap();
    assert!(
        unit.contains("\nExecStart=/opt/hc/bin/health-checker run\n"),
        "{unit}"
    );
    for unit in units(&root.join("opt/units")) {
        let text = fs::read_to_string(&unit).unwrap();
        assert!(!text.contains("DIR@"), "{}", unit.display());
    }
    tree.make("uninstall", &settings);
    assert!(files(&root).is_empty(), "{:?}", files(&root));
}

#[test]
fn installing_before_building_says_what_to_do() {
    let tree = Tree::new();
    let output = Command::new("make")
        .arg("--directory")
        .arg(tree.path("source"))
        .args(["install", "HEALTH_CHECKER_BIN_DIR=/nowhere"])
        .arg(format!("DESTDIR={}", tree.root().display()))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains("'/nowhere/health-checker' is not built yet: run 'make' first"));
    assert!(files(&tree.root()).is_empty());
}
