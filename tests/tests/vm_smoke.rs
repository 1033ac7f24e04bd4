//! Proves the virtual machines: each boot loader boots to the verdict, and a bad update is undone.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::vm::Ended::{Killed, Panic, PoweredOff, Reset, Watchdog};
use machine::vm::{Loader, Run, Vm, VmBoot, course};
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
    let (vm, _) = good_machine("direct", Loader::Direct);
    bad_update_is_undone(&vm);
}

#[test]
fn systemd_boot() {
    let (_vm, boot) = good_machine("systemd-boot", Loader::SystemdBoot);
    assert_eq!(boot.entries, ["snap-1.conf"], "blessed");
}

#[test]
fn grub() {
    let (vm, _) = good_machine("grub", Loader::Grub);
    bad_update_is_undone(&vm);
}

#[test]
fn a_boot_that_dies_has_used_one_try_of_its_entry() {
    let vm = Vm::new("tries", Loader::SystemdBoot).unwrap();
    let marker = "test-machine: snapshot 1 is booted";
    let boot = vm.kill_at(marker, LIMIT).unwrap();
    assert_eq!((boot.snapshot, boot.ended), (Some(1), Killed));
    assert_eq!(boot.entries, ["snap-1+2-1.conf"]);
}

#[test]
fn a_panic_and_a_watchdog_reset_are_told_apart() {
    let vm = Vm::bare("ends", Loader::Direct).unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["rdinit=/bin/false"];
    let boot = vm.run(&run).unwrap();
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Panic),
        "{}",
        boot.tail()
    );

    // PID 1 catches the signal and stands still: nobody feeds the watchdog any more.
    let mut run = Run::within(LIMIT);
    run.watchdog = true;
    run.arguments = vec!["systemd.watchdog_sec=10"];
    let freeze = "[Service]\nExecStart=/bin/kill -SEGV 1\n";
    run.units = vec![("freeze.service", freeze)];
    let boot = vm.run(&run).unwrap();
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Watchdog),
        "{}",
        boot.tail()
    );
}
