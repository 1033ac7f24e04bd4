//! Whole machines without a boot loader that knows us: everything that health-checker, its initrd hook and a watchdog can
//! do by themselves. Each story is an update of a known good snapshot, and the exact boots that follow.

use crate::stories::{
    LIMIT, broken, broken_fstab, broken_program, cut_at_step, goes_on, hanging, is_undone,
    known_good, known_good_with, no_dbus, no_init, no_libc, no_root, undone,
};
use machine::vm::Ended::{PoweredOff, Reset, Watchdog};
use machine::vm::{Loader, Run, Vm, course};
use machine::{VENDOR_PLUGINS, write_file, write_plugin};

#[test]
fn boots_that_get_to_a_decision_by_themselves() {
    let vm = known_good("decides", Loader::Direct);
    let (_, why) = undone(&vm, "judged unhealthy", &[Reset], broken);
    assert!(!why.is_empty());
    let (_, why) = undone(&vm, "hangs in a start job", &[Reset], hanging);
    assert!(
        why.contains("no verdict in time") && why.contains("hangs.service"),
        "{why}"
    );
    let (_, why) = undone(&vm, "emergency mode", &[Reset], broken_fstab);
    assert!(why.contains("emergency mode"), "{why}");
    let (_, why) = undone(&vm, "no D-Bus", &[Reset], no_dbus);
    assert!(!why.is_empty());
    let (_, why) = undone(&vm, "the program is broken", &[Reset], broken_program);
    assert!(why.contains("could not be executed"), "{why}");
}

#[test]
fn boots_that_never_get_to_systemd_are_taken_back_by_the_initrd() {
    let vm = known_good("initrd", Loader::Direct);
    let (_, why) = undone(&vm, "no init", &[Reset], no_init);
    assert!(why.contains("no init that can be executed"), "{why}");
    let (_, why) = undone(&vm, "/usr is broken", &[Reset], no_libc);
    assert!(why.contains("no init that can be executed"), "{why}");
    let (_, why) = undone(&vm, "no root file system", &[Reset], no_root);
    assert!(why.contains("died before it was judged"), "{why}");
    // A user who asked for a shell is left alone; with 'panic=', initramfs-tools does not give it.
    let update = vm.update(no_init).unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["break=bottom"];
    let boot = vm.run(&run).unwrap();
    assert!(boot.said("asks for a shell"), "{}", boot.tail());
    assert_eq!(vm.default_snapshot().unwrap(), update);
}

#[test]
fn a_machine_that_stands_still_is_reset_by_its_watchdog_and_taken_back_early() {
    let vm = known_good("watchdog", Loader::Direct);
    // PID 1 catches the signal and stands still: nobody feeds the watchdog any more.
    let freeze = "[Unit]\nDefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\nAfter=health-checker-arm.service\n[Service]\nExecStart=/bin/kill -SEGV 1\n\
        [Install]\nWantedBy=sysinit.target\n";
    let bad = vm
        .update(|root| {
            let watchdog = "[Manager]\nRuntimeWatchdogSec=10\n";
            write_file(root, "/etc/systemd/system.conf.d/watchdog.conf", watchdog)?;
            machine::write_unit(root, "freeze.service", freeze)
        })
        .unwrap();
    let mut run = Run::within(LIMIT);
    run.watchdog = true;
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(&[boot]), [(bad, Watchdog)]);
    let (_, why) = is_undone(&vm, bad, &[Reset]);
    assert!(
        why.contains("died before it was judged, attempts 1"),
        "{why}"
    );
}

#[test]
fn power_cuts_on_the_way_back() {
    let vm = known_good_with("cuts", Loader::Direct, |root| {
        crate::trouble::install_fail_points(root);
        Ok(())
    });
    for (step, ends) in [
        // The intent is on disk, the default is the old one: once more.
        ("intended", &[Reset][..]),
        // The default is on disk: the power cut was the reboot.
        ("rolled-back", &[]),
        ("rebooting", &[]),
    ] {
        println!("power cut at '{step}'");
        let bad = vm.update(broken).unwrap();
        cut_at_step(&vm, step);
        is_undone(&vm, bad, ends);
    }
    // As early as anything of us runs: the boot may be counted already or not yet.
    println!("power cut in arm");
    let bad = vm.update(broken).unwrap();
    let marker = format!("test-machine: snapshot {bad} is booted");
    vm.kill_at(&marker, LIMIT).unwrap();
    is_undone(&vm, bad, &[Reset]);
}

#[test]
fn good_updates_bad_updates_in_a_row_and_boots_by_hand() {
    let vm = known_good("updates", Loader::Direct);
    let good = vm.update(|_| Ok(())).unwrap();
    goes_on(&vm, &[(good, PoweredOff)]);
    assert_eq!(vm.status().unwrap().known_good(), [good, 1]);
    for _ in 0..2 {
        let bad = vm.update(broken).unwrap();
        goes_on(&vm, &[(bad, Reset), (good, PoweredOff)]);
        assert_eq!(vm.status().unwrap().bad()[0], bad);
        assert_eq!(vm.default_snapshot().unwrap(), good);
    }
    // By hand into an old snapshot that fails now: nothing is done.
    vm.edit_snapshot(1, |root| write_file(root, "/etc/failing", ""))
        .unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["rootflags=subvol=@/.snapshots/1/snapshot"];
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(std::slice::from_ref(&boot)), [(1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "none"));
    assert_eq!(vm.default_snapshot().unwrap(), good);
}

#[test]
fn what_always_fails_boots_a_bounded_number_of_times_and_stays_up() {
    let vm = known_good("fails", Loader::Direct);
    vm.edit(|root| write_file(root, "/etc/failing", ""))
        .unwrap();
    goes_on(&vm, &[(1, Reset), (1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "stop"));
    // A first installation that fails has nothing to go back to.
    let vm = Vm::new("first", Loader::Direct).unwrap();
    vm.edit(|root| write_plugin(root, VENDOR_PLUGINS, "fails", "#!/bin/sh\nexit 1\n"))
        .unwrap();
    goes_on(&vm, &[(1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "stop"));
}
