//! Whole machines with UEFI and systemd-boot: boot counters in the names of entries, and the default entry.

use std::path::Path;

use machine::vm::Ended::{Killed, Panic, PoweredOff, Reset};
use machine::vm::{Loader, VmBoot, course};
use machine::write_file;

use crate::stories::{
    broken, broken_program, cut_at_step, cut_when_counted, forget, goes_on, is_undone, known_good,
    known_good_with, no_initrd, no_root, undone,
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
    let (boots, why) = undone(&vm, "the program is broken", &[Reset], broken_program);
    assert!(why.contains("could not be executed"), "{why}");
    assert_eq!(boots[1].entries.len(), 2);
    // A good update is blessed: its counter is gone.
    let good = vm.update(|_| Ok(())).unwrap();
    let boots = goes_on(&vm, &[(good, PoweredOff)]);
    assert_eq!(boots[0].entries, ["snap-1.conf", "snap-2.conf"]);
    assert_eq!(vm.status().unwrap().known_good(), [good, 1]);
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
    let (boots, _) = undone(&vm, "no root file system", &[Reset; 3], no_root);
    assert_eq!(entries(&boots), counted);
}

#[test]
fn power_cuts() {
    let vm = known_good_with("uefi-cuts", Loader::SystemdBoot, |root| {
        crate::trouble::install_fail_points(root);
        Ok(())
    });
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
