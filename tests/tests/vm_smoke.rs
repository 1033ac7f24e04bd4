//! Proves the virtual machines: each boot loader boots to the verdict, and a bad update is undone.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::vm::Ended::{PoweredOff, Reset};
use machine::vm::{Loader, Vm, VmBoot, course};
use machine::{VENDOR_PLUGINS, write_plugin};

const LIMIT: Duration = Duration::from_secs(300);
const PASS: &str = "#!/bin/sh\nexit 0\n";
const FAIL: &str = "#!/bin/sh\nexit 1\n";

/// A machine with one check that passes, booted once: snapshot 1 is known good.
fn good_machine(name: &str, loader: Loader) -> (Vm, VmBoot) {
    let vm = Vm::new(name, loader).unwrap();
    vm.edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", PASS))
        .unwrap();
    let boot = vm.run_once(LIMIT).unwrap();
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), PoweredOff),
        "{}",
        boot.tail()
    );
    assert!(
        boot.said("boot-complete.target is active"),
        "{}",
        boot.console
    );
    let status = vm.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [1]);
    (vm, boot)
}

/// An update that breaks a check is undone by the snapshot that is the default.
fn bad_update_is_undone(vm: &Vm) {
    vm.update(|root| write_plugin(root, VENDOR_PLUGINS, "web", FAIL))
        .unwrap();
    let boots = vm.run_until_off(4).unwrap();
    assert_eq!(course(&boots), [(2, Reset), (1, PoweredOff)]);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    let status = vm.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![2]));
    assert_eq!(status.incident_failed(), [(2, "web")]);
}

#[test]
fn direct() {
    let (vm, boot) = good_machine("direct", Loader::Direct);
    println!("{}\n{:?}", boot.console, boot.took);
    bad_update_is_undone(&vm);
}

#[test]
fn systemd_boot() {
    let (_vm, boot) = good_machine("systemd-boot", Loader::SystemdBoot);
    println!("{}\n{:?}", boot.console, boot.took);
    assert_eq!(boot.entries, ["snap-1.conf"], "blessed");
}

#[test]
fn grub() {
    let (vm, boot) = good_machine("grub", Loader::Grub);
    println!("{}\n{:?}", boot.console, boot.took);
    bad_update_is_undone(&vm);
}
