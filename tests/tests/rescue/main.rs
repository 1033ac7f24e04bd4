//! The rescue program of `dist/rescue`: in an initrd without a machine around it, and in whole machines.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod boot_entry;
mod disk;
mod initrd;
mod late;
mod system;
#[path = "../trouble/mod.rs"]
mod trouble;

use std::collections::BTreeMap;

/// All shells that may be `/bin/sh` in an initrd.
const SHELLS: [&str; 3] = ["dash", "busybox ash", "bash --posix"];

/// The same for each shell; what fails names it.
fn in_all_shells(test: impl Fn(&str)) {
    for shell in SHELLS {
        eprintln!("shell: {shell}");
        test(shell);
    }
}

/// What one run of it did.
struct Ended {
    /// Its last act was a reboot.
    rebooted: bool,
    /// What it said on standard error.
    said: String,
    /// What it said to the kernel's log.
    kmsg: String,
    /// EFI variables of the boot loader afterwards, by their names without the vendor.
    variables: BTreeMap<String, Vec<u8>>,
}
