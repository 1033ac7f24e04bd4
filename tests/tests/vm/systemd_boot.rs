//! Whole machines with UEFI and systemd-boot: boot counters in the names of entries, and the default entry.

use std::fs;
use std::path::Path;

use machine::vm::Ended::{Killed, Panic, PoweredOff, Reset};
use machine::vm::{Loader, Run, VmBoot, course};
use machine::write_file;

use crate::stories::{
    Edit, LIMIT, always_failing, broken, cut_at_step, cut_on_the_way_back, cut_when_counted,
    decided_without_a_verdict, forget, goes_on, is_undone, known_good, no_initrd, no_libc,
    no_program, no_root, reset_by_its_watchdog, tries, undone, with_fail_points,
};
use crate::trouble::{mask, remove};

/// The entries after each boot.
fn entries(boots: &[VmBoot]) -> Vec<Vec<&str>> {
    boots
        .iter()
        .map(|boot| boot.entries.iter().map(String::as_str).collect())
        .collect()
}

#[test]
fn counted_judged_and_blessed() {
    let vm = known_good("uefi", Loader::SystemdBoot);
    assert_eq!(vm.esp_entries().unwrap(), ["snap-1.conf"]);
    let (boots, _) = undone(&vm, "judged unhealthy", &[Reset], broken);
    // Bad at once: its other tries are not used up.
    let bad = ["snap-1.conf", "snap-2+0-1.conf"];
    assert_eq!(entries(&boots), [bad, bad]);
    // A good update is blessed: its counter is gone.
    let good = vm.update(|_| Ok(())).unwrap();
    let boots = goes_on(&vm, &[(good, PoweredOff)]);
    assert_eq!(boots[0].entries, ["snap-1.conf", "snap-2.conf"]);
    assert_eq!(vm.status().unwrap().known_good(), [good, 1]);
    // Two boots are granted from now on.
    vm.edit(|root| tries(root, 2)).unwrap();
    let bad = vm.update(broken).unwrap();
    let boots = goes_on(&vm, &[(bad, Reset), (bad, Reset), (good, PoweredOff)]);
    let left = format!("snap-{bad}+2-1.conf");
    let gone = format!("snap-{bad}+0-2.conf");
    let both = |bad| vec!["snap-1.conf", "snap-2.conf", bad];
    assert_eq!(entries(&boots), [both(&left), both(&gone), both(&gone)]);
}

#[test]
fn boots_that_get_to_a_decision_by_themselves() {
    let vm = known_good("uefi-decides", Loader::SystemdBoot);
    // Bad at once, and the good one is as it was.
    let after = |boots: &[VmBoot]| {
        let bad = format!("snap-{}+0-1.conf", boots[0].snapshot.unwrap());
        let entries = &boots[1].entries;
        assert!(entries.contains(&bad), "{entries:?}");
        assert!(entries.contains(&"snap-1.conf".to_owned()), "{entries:?}");
    };
    decided_without_a_verdict(&vm, no_program, after);
}

#[test]
fn watchdog_by_hand_and_what_always_fails() {
    let vm = known_good("uefi-watchdog", Loader::SystemdBoot);
    let bad = reset_by_its_watchdog(&vm);
    assert_eq!(vm.esp_entries().unwrap()[1], format!("snap-{bad}+2-1.conf"));
    let (boots, why) = is_undone(&vm, bad, &[Reset]);
    assert!(
        why.contains("died before it was judged, attempts 1"),
        "{why}"
    );
    assert_eq!(boots[0].entries[1], format!("snap-{bad}+0-2.conf"));
    // By hand, once, into an old snapshot that fails now: nothing is done.
    let good = vm.update(|_| Ok(())).unwrap();
    let chosen = "[Unit]\nAfter=health-checker.service\n[Service]\nType=oneshot\nExecStart=bootctl set-oneshot snap-1.conf\n";
    let mut run = Run::within(LIMIT);
    run.units = vec![("health-check-test-choice.service", chosen)];
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(std::slice::from_ref(&boot)), [(good, PoweredOff)]);
    vm.edit_snapshot(1, |root| write_file(root, "/etc/failing", ""))
        .unwrap();
    goes_on(&vm, &[(1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "none"));
    assert_eq!(vm.default_snapshot().unwrap(), good);
    goes_on(&vm, &[(good, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("healthy", "none"));
    let blessed = ["snap-1.conf".to_owned(), format!("snap-{good}.conf")];
    assert_eq!(vm.esp_entries().unwrap(), blessed);
}

#[test]
fn what_always_fails_stays_up_with_the_tries_it_has() {
    let [good, first] = always_failing("uefi-fails", Loader::SystemdBoot);
    assert_eq!(good.esp_entries().unwrap(), ["snap-1.conf"]);
    // Not blessed, and not bad: there is nothing else to boot.
    assert_eq!(first.esp_entries().unwrap(), ["snap-1+2-1.conf"]);
}

#[test]
fn entries_without_a_counter() {
    let vm = known_good("uefi-uncounted", Loader::SystemdBoot);
    vm.edit(|root| Ok(fs::remove_file(root.join("etc/kernel/tries"))?))
        .unwrap();
    let number = |boots: &[VmBoot]| boots[0].snapshot.unwrap();
    for (what, edit, by_program) in [
        ("judged unhealthy", broken as Edit, true),
        ("no init", no_libc, false),
        ("the program is gone", no_program, false),
    ] {
        let (boots, _) = undone(&vm, what, &[Reset], edit);
        let plain = format!("snap-{}.conf", number(&boots));
        let bad = format!("snap-{}+0-1.conf", number(&boots));
        // What acts without the program leaves the name to the next healthy boot.
        let first = if by_program { &bad } else { &plain };
        let expected = [["snap-1.conf", first], ["snap-1.conf", &bad]];
        assert_eq!(entries(&boots), expected, "{what}");
    }
    println!("power cut in the first boot");
    let bad = vm.update(|_| Ok(())).unwrap();
    cut_when_counted(&vm);
    let (boots, why) = is_undone(&vm, bad, &[Reset]);
    assert!(why.contains("attempts 1 of 1"), "{why}");
    let bad = format!("snap-{bad}+0-1.conf");
    assert_eq!(entries(&boots), [["snap-1.conf", &bad]; 2]);
    println!("a good update");
    let good = vm.update(|_| Ok(())).unwrap();
    let boots = goes_on(&vm, &[(good, PoweredOff)]);
    let plain = format!("snap-{good}.conf");
    assert_eq!(entries(&boots), [["snap-1.conf", &plain]]);
    let status = vm.status().unwrap();
    assert_eq!(status.known_good(), [good, 1]);
    assert!(
        status.0["boot_loader"]["tries_left"].is_null(),
        "{status:#?}"
    );
}

#[test]
fn boots_that_die_use_up_the_tries_of_their_entry() {
    let vm = known_good("uefi-dies", Loader::SystemdBoot);
    let counted = [
        ["snap-1.conf", "snap-2+2-1.conf"],
        ["snap-1.conf", "snap-2+1-2.conf"],
        ["snap-1.conf", "snap-2+0-3.conf"],
        ["snap-1.conf", "snap-2+0-3.conf"],
    ];
    let (boots, why) = undone(&vm, "the kernel panics", &[Panic; 3], no_initrd);
    assert_eq!(entries(&boots), counted);
    assert!(
        why.contains("the boot loader went back to snapshot 1"),
        "{why}"
    );
    // Their last try: all that happens after the first two is the same.
    for edit in [no_root, no_libc] {
        let bad = vm.update(edit).unwrap();
        let entry = |tries: &str| format!("loader/entries/snap-{bad}{tries}.conf");
        let text = vm.esp_read(&entry("+3")).unwrap();
        vm.esp_remove(&entry("+3")).unwrap();
        vm.esp_write(&entry("+1-2"), text).unwrap();
        let (boots, _) = is_undone(&vm, bad, &[Reset]);
        assert_eq!(entries(&boots), counted[2..]);
    }
}

#[test]
fn power_cuts() {
    let vm = with_fail_points("uefi-cuts", Loader::SystemdBoot);
    // The file system knows of the rollback, and the boot loader does not.
    println!("power cut between the two");
    let bad = vm.update(broken).unwrap();
    cut_at_step(&vm, "default-set");
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    let (boots, _) = is_undone(&vm, bad, &[Reset]);
    assert_eq!(boots[0].entries[1], format!("snap-{bad}+0-2.conf"));
    // Early in its first boot: the second one is one too many.
    println!("power cut in the first boot");
    let bad = vm.update(|_| Ok(())).unwrap();
    let boot = cut_when_counted(&vm);
    assert_eq!(course(std::slice::from_ref(&boot)), [(bad, Killed)]);
    let (boots, why) = is_undone(&vm, bad, &[Reset]);
    assert_eq!(boots[0].entries[1], format!("snap-{bad}+0-2.conf"));
    assert!(why.contains("attempts 1 of 1"), "{why}");
    cut_on_the_way_back(&vm, &[Reset]);
}

#[test]
fn without_a_verdict_nothing_is_blessed() {
    let vm = known_good("uefi-unjudged", Loader::SystemdBoot);
    let masked: fn(&Path) = |root| mask(root, "health-checker.service");
    let missing: fn(&Path) = |root| {
        remove(root, "/usr/lib/systemd/system/health-checker.service");
    };
    // systemd takes a unit for good that was skipped, and what requires it goes on.
    let skipped: fn(&Path) = |root| {
        let path = "/etc/systemd/system/health-checker.service.d/x.conf";
        write_file(root, path, "[Unit]\nConditionHost=another\n").unwrap();
    };
    for (what, edit) in [
        ("masked", masked),
        ("missing", missing),
        ("skipped", skipped),
    ] {
        println!("the runner is {what}");
        let update = vm
            .update(|root| {
                // Nobody will report anything: the machine is not to wait for it as long as usual.
                write_file(root, "/etc/test-machine-limit", "40\n")?;
                edit(root);
                Ok(())
            })
            .unwrap();
        let boots = goes_on(&vm, &[(update, PoweredOff)]);
        assert!(!boots[0].said("boot-complete.target is active"));
        let counted = format!("snap-{update}+2-1.conf");
        assert_eq!(boots[0].entries, ["snap-1.conf", &counted]);
        vm.set_default(1).unwrap();
        forget(&vm, update);
    }
}
