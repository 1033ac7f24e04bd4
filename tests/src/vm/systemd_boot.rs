//! Owns systemd-boot's entries: one for each snapshot, as kernel-install(8) and sdbootutil write them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cache::Recipe;

use super::esp::Esp;
use super::loader::Kernel;

/// Where entries are on the EFI system partition.
pub(crate) const ENTRIES: &str = "loader/entries";

/// Adds the entry `snap-N.conf`; where its snapshot has tries in `/etc/kernel/tries`, it is counted: `snap-N+TRIES.conf`.
/// Kernels and initrds that are the same are shared.
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
    let Kernel {
        number,
        options,
        tries,
    } = kernel;
    let text = format!(
        "title Snapshot {number}\nsort-key test-machine\nversion {number}\nlinux /kernels/{}\ninitrd /kernels/{}\n\
         options {options} rootflags=subvol=@/.snapshots/{number}/snapshot\n",
        copied[0], copied[1]
    );
    let counter = tries.as_ref().map(|tries| format!("+{tries}"));
    let name = format!("snap-{number}{}.conf", counter.unwrap_or_default());
    esp.write(&format!("{ENTRIES}/{name}"), text)
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
