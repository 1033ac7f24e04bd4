//! Others went back before us: the boot loader, the initrd, the rescue program. The next boot makes it lasting and tells.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use machine::{Boot, Ended, Machine, course};
use trouble::{LIMIT, assert_good, known_good};

const FALLBACK: &str = "health-checker.boot=fallback";

/// The boot loader gave up on the default and boots snapshot 1, as our GRUB pieces do it.
fn fall_back(machine: &Machine) -> Boot {
    let mut boot = machine.boot_from_with(1, &[FALLBACK]).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    boot
}

fn assert_lasting(boot: &Boot, bad: u64) {
    assert_good(boot, bad);
    let status = boot.status().unwrap();
    assert_eq!(status.bad(), [bad]);
    assert_eq!(status.steps(), [("rollback", "done")]);
    assert_eq!(status.incident_failed(), [(bad, "boot")]);
    assert!(status.incident()["ended"].is_object());
}

#[test]
fn a_boot_that_the_boot_loader_fell_back_to_becomes_lasting() {
    let machine = known_good("fell-back");
    // It never got as far as to be counted by us.
    let bad = machine.update(|_| Ok(())).unwrap();
    let boot = fall_back(&machine);
    assert_lasting(&boot, bad);
    let check = boot.status().unwrap().incident_check("boot").clone();
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("the boot loader went back to snapshot 1"),
        "{message}"
    );
    boot.poweroff().unwrap();
    // An ordinary boot is the same one now.
    let (boots, last) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(1, Ended::StayedUp)]);
    last.poweroff().unwrap();
}

#[test]
fn without_that_word_it_is_a_boot_by_hand_and_changes_nothing() {
    let machine = known_good("chosen");
    let update = machine.update(|_| Ok(())).unwrap();
    let mut boot = machine.boot_from(1).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert!(boot.status().unwrap().incident().is_null());
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), update);
}

#[test]
fn a_fallback_is_only_reported_where_nothing_is_to_be_done() {
    let machine = known_good("report");
    let update = machine.update(|_| Ok(())).unwrap();
    let words = [FALLBACK, "health-checker.action=report"];
    let mut boot = machine.boot_from_with(1, &words).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), update);
}

#[test]
fn what_the_initrd_did_is_told_and_it_may_act_again_after_a_healthy_boot() {
    let machine = known_good("rescued");
    let bad = machine.update(|_| Ok(())).unwrap();
    // As the rescue program leaves it.
    let line = format!("0123-boot {bad} 1 initrd no root file system\n");
    machine
        .edit(|root| {
            Ok(std::fs::write(
                root.join(".snapshots/health-checker.rescued"),
                line,
            )?)
        })
        .unwrap();
    machine.set_default(1).unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_lasting(&boot, bad);
    let check = boot.status().unwrap().incident_check("boot").clone();
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("no root file system"), "{message}");
    let details = trouble::rollback_said(&boot);
    assert_eq!(details, ["by the initrd"]);
    boot.shell("test ! -e /.snapshots/health-checker.rescued")
        .unwrap();
    let file = boot.shell("cat /.snapshots/health-checker.rescue").unwrap();
    let good: Vec<&str> = file
        .lines()
        .filter(|line| line.starts_with("good "))
        .collect();
    let snapshot = &boot.status().unwrap().0["snapshot"];
    let expected = format!(
        "good 1 {} {} -",
        snapshot["id"],
        snapshot["uuid"].as_str().unwrap()
    );
    assert_eq!(good, [expected]);
    boot.poweroff().unwrap();
}
