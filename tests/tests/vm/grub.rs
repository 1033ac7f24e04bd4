//! Whole machines with GRUB: it counts boots that were never judged, and boots the last known good snapshot.

use crate::stories::{
    LIMIT, always_failing, broken, broken_program, chosen_by_hand, cut_on_the_way_back,
    decided_without_a_verdict, goes_on, is_undone, known_good, no_initrd, no_libc, no_root,
    reset_by_its_watchdog, tries, undone, with_fail_points,
};
use machine::vm::Ended::{Killed, Panic, PoweredOff, Reset};
use machine::vm::{Loader, Vm, course};

fn variable(vm: &Vm, name: &str) -> Option<String> {
    let mut all = vm.grubenv().unwrap().into_iter();
    all.find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Nothing is pending, and snapshot 1 is where GRUB would go.
fn assert_told(vm: &Vm) {
    assert_eq!(variable(vm, "health_checker_left"), None);
    assert_eq!(variable(vm, "health_checker_good").as_deref(), Some("1"));
}

#[test]
fn boots_that_die_before_anything_of_us_runs() {
    let vm = known_good("grub-dies", Loader::Grub);
    assert_told(&vm);
    let (boots, why) = undone(&vm, "the kernel panics", &[Panic], no_initrd);
    assert!(
        boots[1].said("health-checker.boot=fallback"),
        "{}",
        boots[1].tail()
    );
    assert!(
        why.contains("the boot loader went back to snapshot 1"),
        "{why}"
    );
    assert_told(&vm);
    // grub-mkconfig needs it while the update is made.
    let bad = vm.update(|_| Ok(())).unwrap();
    vm.edit_snapshot(bad, no_libc).unwrap();
    let (_, why) = is_undone(&vm, bad, &[Reset]);
    assert!(why.contains("no init that can be executed"), "{why}");
    assert_told(&vm);
    undone(&vm, "no root file system", &[Reset], no_root);
    assert_told(&vm);
}

#[test]
fn good_and_bad_updates() {
    let vm = known_good("grub-updates", Loader::Grub);
    undone(&vm, "judged unhealthy", &[Reset], broken);
    assert_told(&vm);
    // The power fails in the first boot of a bad update, as early as possible.
    let bad = vm.update(broken).unwrap();
    let marker = format!("test-machine: snapshot {bad} is booted");
    let boot = vm.kill_at(&marker, LIMIT).unwrap();
    assert_eq!(course(&[boot]), [(bad, Killed)]);
    assert_eq!(variable(&vm, "health_checker_left").as_deref(), Some("0"));
    is_undone(&vm, bad, &[]);
    assert_told(&vm);
    let good = vm.update(|root| tries(root, 2)).unwrap();
    goes_on(&vm, &[(good, PoweredOff)]);
    assert_eq!(vm.status().unwrap().known_good(), [good, 1]);
    assert_eq!(variable(&vm, "health_checker_left"), None);
    assert_eq!(variable(&vm, "health_checker_good"), Some(good.to_string()));
    // Two boots are granted from now on.
    let bad = vm.update(no_initrd).unwrap();
    goes_on(&vm, &[(bad, Panic), (bad, Panic), (good, PoweredOff)]);
    assert_eq!(vm.default_snapshot().unwrap(), good);
    assert!(vm.status().unwrap().bad().contains(&bad));
}

#[test]
fn power_cuts_on_the_way_back() {
    let vm = with_fail_points("grub-cuts", Loader::Grub);
    // GRUB goes back by itself from a boot that is not over.
    cut_on_the_way_back(&vm, &[]);
    assert_told(&vm);
}

#[test]
fn boots_that_get_to_a_decision_by_themselves() {
    let vm = known_good("grub-decides", Loader::Grub);
    decided_without_a_verdict(&vm, broken_program, |_| assert_told(&vm));
}

#[test]
fn watchdog_by_hand_and_what_always_fails() {
    let vm = known_good("grub-watchdog", Loader::Grub);
    // GRUB has counted that boot, and nobody else is asked.
    let bad = reset_by_its_watchdog(&vm);
    assert_eq!(variable(&vm, "health_checker_left").as_deref(), Some("0"));
    let (_, why) = is_undone(&vm, bad, &[]);
    assert!(
        why.contains("the boot loader went back to snapshot 1"),
        "{why}"
    );
    assert_told(&vm);
    let good = vm.update(|_| Ok(())).unwrap();
    goes_on(&vm, &[(good, PoweredOff)]);
    chosen_by_hand(&vm, good);
    assert_eq!(variable(&vm, "health_checker_left"), None);
    assert_eq!(variable(&vm, "health_checker_good"), Some(good.to_string()));

    for vm in always_failing("grub-fails", Loader::Grub) {
        assert_eq!(variable(&vm, "health_checker_left"), None);
    }
}
