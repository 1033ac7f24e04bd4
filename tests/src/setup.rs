//! Owns the question whether this host can make and boot machines.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

/// Programs we call, and the Debian package of each.
const TOOLS: [(&str, &str); 18] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("btrfs", "btrfs-progs"),
    ("btrfstune", "btrfs-progs"),
    ("mkfs.ext4", "e2fsprogs"),
    ("systemd-nspawn", "systemd-container"),
    ("journalctl", "systemd"),
    ("kill", "procps"),
    ("make", "make"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("findmnt", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("timeout", "coreutils"),
    ("tar", "tar"),
    ("grub-editenv", "grub-common"),
];

/// Fails, saying what to do, where root's rights or a program are missing.
pub fn check_host() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("machines are mounted and booted by root: run the tests as root");
    }
    let mut packages: Vec<_> = TOOLS
        .iter()
        .filter(|(tool, _)| !installed(tool))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if !packages.is_empty() {
        bail!(
            "programs for test machines are missing: run 'tests/setup.sh', or 'apt-get install --no-install-recommends {}'",
            packages.join(" ")
        );
    }
    Ok(())
}

/// Whether a program is found, also where `PATH` lacks the administrator's directories.
pub(crate) fn installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let admin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(admin)
        .any(|directory| directory.join(tool).exists())
}
