//! Owns systemd-boot's entries: one for each snapshot, with three tries, as kernel-install(8) and sdbootutil write them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cache::Recipe;

use super::esp::Esp;
use super::loader::Kernel;

/// Where entries are on the EFI system partition.
pub(crate) const ENTRIES: &str = "loader/entries";

/// Tries of a new entry: what health-checker installs in `/etc/kernel/tries`.
const TRIES: u32 = 3;

/// Adds the entry `snap-N+3.conf`. Kernels and initrds that are the same are shared.
pub(crate) fn add_entry(esp: &Esp, kernel: &Kernel, top: &Path) -> Result<()> {
    let there = esp.list("kernels")?;
    let mut copied = Vec::new();
    for (file, kind) in kernel.files(top).iter().zip(["linux", "initrd"]) {
        let content =
            fs::read(file).with_context(|| format!("cannot read '{}'", file.display()))?;
        let name = format!("{kind}-{}", Recipe::new().add(&content).name());
        if !there.contains(&name) {
            esp.copy_in(file, &format!("kernels/{name}"))?;
        }
        copied.push(name);
    }
    let Kernel { number, options } = kernel;
    let text = format!(
        "title Snapshot {number}\nsort-key test-machine\nversion {number}\nlinux /kernels/{}\ninitrd /kernels/{}\n\
         options {options} rootflags=subvol=@/.snapshots/{number}/snapshot\n",
        copied[0], copied[1]
    );
    esp.write(&format!("{ENTRIES}/snap-{number}+{TRIES}.conf"), text)
}

/// The names of all entries, sorted.
pub(crate) fn entries(esp: &Esp) -> Result<Vec<String>> {
    esp.list(ENTRIES)
}

/// The snapshot of an entry, by the entry's name.
pub(crate) fn number_of(entry: &str) -> Option<u64> {
    let rest = entry.strip_prefix("snap-")?;
    rest.split(['+', '.']).next()?.parse().ok()
}
