//! Owns the choice of a boot loader, and what all of them take from a snapshot: kernel, initrd, command line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::text;
use crate::snapshots::number_of;

/// What boots a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// QEMU itself, with the kernel of the default snapshot. The fastest.
    Direct,
    /// GRUB for BIOS, with its environment block on the EFI system partition. The kernel of the default snapshot.
    Grub,
    /// systemd-boot for UEFI, with one entry for each snapshot, counted where it has `/etc/kernel/tries`. The default subvolume does not matter.
    SystemdBoot,
}

/// What boots a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) number: u64,
    /// What the snapshot has in `/etc/kernel/cmdline`.
    pub(crate) options: String,
    /// What it has in `/etc/kernel/tries`, if it has that.
    pub(crate) tries: Option<String>,
}

impl Kernel {
    /// The kernel of a snapshot, below the top of its file system.
    pub(crate) fn of(top: &Path, number: u64) -> Self {
        let root = top.join(format!("@/.snapshots/{number}/snapshot"));
        let read = |name: &str| {
            let text = fs::read_to_string(root.join("etc/kernel").join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        Kernel {
            number,
            options: read("cmdline").unwrap_or_default(),
            tries: read("tries"),
        }
    }

    /// The files of kernel and initrd.
    pub(crate) fn files(&self, top: &Path) -> [PathBuf; 2] {
        let boot = top.join(format!("@/.snapshots/{}/snapshot/boot", self.number));
        [boot.join("vmlinuz"), boot.join("initrd.img")]
    }
}

/// The snapshot that a kernel command line names, if it names one.
pub(crate) fn named_in(command_line: &str) -> Option<u64> {
    command_line
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("rootflags=subvol="))
        .find_map(number_of)
}

/// Reads a file that may hold anything.
pub(crate) fn read_lossy(path: &Path) -> String {
    text(&fs::read(path).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::named_in;

    #[test]
    fn snapshot_of_a_command_line() {
        assert_eq!(
            named_in("root=/dev/vda3 rootflags=subvol=@/.snapshots/12/snapshot quiet"),
            Some(12)
        );
        assert_eq!(named_in("root=/dev/vda3 quiet"), None);
    }
}
