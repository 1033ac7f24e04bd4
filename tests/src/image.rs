//! Owns the disk images that machines start from: a Debian release, unpacked into a layout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{self, Recipe};
use crate::command::{run, text};
use crate::mounted::{Mounts, SUBVOLUMES};
use crate::snapshots;

/// Sparse; snapshots share what they have in common, and tests that fill the disk should not take long.
const DISK_SIZE: u64 = 2 * 1024 * 1024 * 1024;

/// What is installed besides Debian's essential packages.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,kmod,util-linux,btrfs-progs,snapper,openssh-server,iproute2,procps";

/// Nobody reads these in a test machine: a third of the size.
const NOT_INSTALLED: &str = "path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n";

/// Settings of the host's apt that decide whether a mirror can be reached.
const APT_SETTINGS: [&str; 4] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::Check-",
    "Acquire::Retries",
];

/// The Debian release of a machine, chosen for its systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Debian 13, systemd 257.
    Trixie,
    /// Debian 12, systemd 252.
    Bookworm,
}

impl Release {
    fn name(self) -> &'static str {
        match self {
            Release::Trixie => "trixie",
            Release::Bookworm => "bookworm",
        }
    }
}

/// How a machine's disk is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As on MicroOS: read-only snapshots, number 1 the default; `/etc` a writable subvolume inside; `/var` and
    /// `/usr/local` apart.
    Snapshots,
    /// btrfs without subvolumes and snapshots.
    Btrfs,
    /// ext4.
    Ext4,
}

impl Layout {
    /// The file system, as mount(8) names it.
    pub(crate) fn file_system(self) -> &'static str {
        match self {
            Layout::Snapshots | Layout::Btrfs => "btrfs",
            Layout::Ext4 => "ext4",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Layout::Snapshots => "snapshots",
            Layout::Btrfs => "btrfs",
            Layout::Ext4 => "ext4",
        }
    }
}

/// The root file system of a release as a tar archive, downloaded and unpacked once.
pub fn base(release: Release) -> Result<PathBuf> {
    let recipe = Recipe::new().add(PACKAGES).add(NOT_INSTALLED);
    cache::entry(&format!("{}.tar", release.name()), &recipe, |tar| {
        let settings = tempfile::tempdir().context("cannot make a temporary directory")?;
        let apt = settings.path().join("apt.conf");
        let dpkg = settings.path().join("dpkg.cfg");
        fs::write(&apt, apt_settings()?)
            .with_context(|| format!("cannot write '{}'", apt.display()))?;
        fs::write(&dpkg, NOT_INSTALLED)
            .with_context(|| format!("cannot write '{}'", dpkg.display()))?;
        run(Command::new("mmdebstrap")
            .args([
                "--quiet",
                "--mode=root",
                "--variant=minbase",
                "--format=tar",
            ])
            .arg(format!("--include={PACKAGES}"))
            .arg(format!("--aptopt={}", apt.display()))
            .arg(format!("--dpkgopt={}", dpkg.display()))
            .arg(release.name())
            .arg(tar)
            .arg(mirror()?))?;
        Ok(())
    })
}

/// The disk image of a release in a layout; machines work on copies of it.
pub(crate) fn disk(release: Release, layout: Layout) -> Result<PathBuf> {
    let tar = base(release)?;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("image");
    let recipe = Recipe::new()
        .add(tar.as_os_str().as_encoded_bytes())
        .add_path(&scripts)?
        .add(include_str!("image.rs"));
    cache::entry(
        &format!("{}-{}.img", release.name(), layout.name()),
        &recipe,
        |image| {
            let file = File::create(image)
                .with_context(|| format!("cannot create '{}'", image.display()))?;
            file.set_len(DISK_SIZE)
                .with_context(|| format!("cannot enlarge '{}'", image.display()))?;
            run(Command::new(format!("mkfs.{}", layout.file_system()))
                .arg("-q")
                .arg(image))?;
            let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
            let mut mounts = Mounts::new(directory.path());
            // Compressed: what every machine copies is half the size.
            let options = if layout == Layout::Ext4 {
                "loop"
            } else {
                "loop,compress=zstd:1"
            };
            mounts.mount(image, layout.file_system(), options, Path::new(""))?;
            fill(directory.path(), &tar, layout, &scripts)
        },
    )
}

/// Unpacks and prepares the root file system on an empty, mounted disk.
fn fill(disk: &Path, tar: &Path, layout: Layout, scripts: &Path) -> Result<()> {
    let root = if layout == Layout::Snapshots {
        snapshots::create_layout(disk)?
    } else {
        disk.to_path_buf()
    };
    run(Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(tar)
        .arg("--directory")
        .arg(&root)
        .arg("--exclude=./dev/*"))?;
    run(Command::new(scripts.join("prepare-root.sh"))
        .arg(&root)
        .arg(layout.name()))?;
    if layout == Layout::Snapshots {
        for subvolume in SUBVOLUMES {
            let target = disk.join("@").join(subvolume);
            run(Command::new("cp")
                .args(["-a", "--reflink=auto"])
                .arg(root.join(subvolume).join("."))
                .arg(target))?;
            run(Command::new("find").arg(root.join(subvolume)).args([
                "-mindepth",
                "1",
                "-delete",
            ]))?;
        }
        snapshots::finish_layout(disk)?;
    }
    Ok(())
}

/// The Debian mirror that the host itself uses.
fn mirror() -> Result<String> {
    let listed = run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
        "Component: main",
    ]))?;
    let found = listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(release, uri)| {
            // 'bookworm-updates' and 'bookworm-security' are not whole releases.
            !release.contains('-') && uri.trim_end_matches('/').ends_with("/debian")
        });
    Ok(found
        .map_or("http://deb.debian.org/debian", |(_, uri)| uri)
        .to_owned())
}

/// The host's apt settings for reaching mirrors, as a configuration file.
pub(crate) fn apt_settings() -> Result<String> {
    let dump = Command::new("apt-config")
        .arg("dump")
        .output()
        .context("cannot run 'apt-config dump'")?;
    let wanted = |line: &&str| APT_SETTINGS.iter().any(|prefix| line.starts_with(prefix));
    Ok(text(&dump.stdout)
        .lines()
        .filter(wanted)
        .map(|line| format!("{line}\n"))
        .collect())
}
