//! Whole machines without a boot loader that knows us: everything that health-checker, its initrd hook and a watchdog can
//! do by themselves. Each story is an update of a known good snapshot, and the exact boots that follow. What gets as far as
//! a decision needs no boot loader, and is booted in containers (`boot_modes`, `deadline`, `failsafe`, `killed`, `ladder`,
//! `rescue`) and with the loaders.

use crate::stories::{
    LIMIT, broken, chosen_by_hand, cut_on_the_way_back, goes_on, is_undone, known_good, no_init,
    no_root, reset_by_its_watchdog, undone, with_fail_points,
};
use machine::vm::Ended::{PoweredOff, Reset};
use machine::vm::{Loader, Run};

#[test]
fn boots_that_never_get_to_systemd_are_taken_back_by_the_initrd() {
    let vm = known_good("initrd", Loader::Direct);
    let (_, why) = undone(&vm, "no init", &[Reset], no_init);
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
    let bad = reset_by_its_watchdog(&vm);
    let (_, why) = is_undone(&vm, bad, &[Reset]);
    assert!(
        why.contains("died before it was judged, attempts 1"),
        "{why}"
    );
}

#[test]
fn power_cuts_on_the_way_back() {
    let vm = with_fail_points("cuts", Loader::Direct);
    cut_on_the_way_back(&vm, &[Reset]);
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
    chosen_by_hand(&vm, good);
}
