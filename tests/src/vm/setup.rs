//! Owns the question whether this host can boot virtual machines.

use std::path::Path;

use anyhow::{Result, bail};

use crate::setup::installed;

/// What we need, by path where it is no program, and the Debian package of each.
const NEEDED: [(&str, &str); 7] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("mcopy", "mtools"),
    ("mformat", "mtools"),
    ("sfdisk", "fdisk"),
    ("losetup", "mount"),
    (super::qemu::FIRMWARE, "ovmf"),
    (super::qemu::FIRMWARE_VARIABLES, "ovmf"),
];

/// Fails, saying what to do, where something is missing that containers do not need.
pub(crate) fn check_host() -> Result<()> {
    crate::setup::check_host()?;
    let there = |needed: &str| match needed.starts_with('/') {
        true => Path::new(needed).exists(),
        false => installed(needed),
    };
    let mut packages: Vec<_> = NEEDED
        .iter()
        .filter(|(needed, _)| !there(needed))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if !packages.is_empty() {
        bail!(
            "programs for virtual machines are missing: run 'tests/setup.sh --vm', or 'apt-get install --no-install-recommends {}'",
            packages.join(" ")
        );
    }
    Ok(())
}
