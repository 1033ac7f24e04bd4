//! Scenario 8: a snapshot that somebody chose in the boot menu is judged, and nothing is changed by that.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{Boot, Ended, Machine, VENDOR_PLUGINS, write_plugin};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

/// Fails as long as '/var/broken' exists.
const DISK: &str = "#!/bin/sh
case $1 in
    check) test ! -e /var/broken ;;
    stop) touch /run/stopped ;;
esac
";

/// A machine with known good snapshots 1 and 2, of which 2 is the default.
fn machine(name: &str) -> Machine {
    let machine = Machine::new(name).unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", DISK))
        .unwrap();
    for _ in 0..2 {
        machine
            .boot_until_verdict(LIMIT)
            .unwrap()
            .poweroff()
            .unwrap();
        if machine.default_snapshot().unwrap() == 1 {
            machine.update(|_| Ok(())).unwrap();
        }
    }
    machine
}

fn boot_by_hand(machine: &Machine, number: u64) -> Boot {
    let mut boot = machine.boot_from(number).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert_eq!(boot.snapshot(), Some(number));
    boot
}

#[test]
fn an_older_snapshot_that_fails_is_only_reported() {
    let machine = machine("by-hand");
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/broken"), "")?))
        .unwrap();
    let boot = boot_by_hand(&machine, 1);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "none"));
    assert_eq!(status.failed(), ["disk"]);
    assert_eq!(status.0["snapshot"]["default"], false);
    // No incident whose ladder the next boot of the default would find begun, nothing good or bad.
    assert_eq!(status.incident(), &json!(null));
    assert_eq!(status.known_good(), [2, 1]);
    assert_eq!(status.bad(), [0_u64; 0]);
    boot.shell("! test -e /run/stopped; ! systemctl is-active boot-complete.target")
        .unwrap();
    let journal = boot
        .journal(&["-b", "-u", "health-checker", "-o", "cat"])
        .unwrap();
    assert!(journal.contains("boot menu"), "{journal}");
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
}

#[test]
fn an_older_snapshot_that_is_healthy_does_not_become_the_newest_good_one() {
    let machine = machine("by-hand-good");
    let boot = boot_by_hand(&machine, 1);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [2, 1]);
    boot.shell("systemctl is-active boot-complete.target; grep -q /2/snapshot /var/lib/misc/health-check.state")
        .unwrap();
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
}

#[test]
fn a_bad_snapshot_tried_again_by_hand_leaves_the_good_default_alone() {
    let machine = machine("by-hand-bad");
    let bad = "#!/bin/sh\nexit 1\n";
    machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, "bad", bad))
        .unwrap();
    let (boots, boot) = machine.run_to_end(4).unwrap();
    assert_eq!((boots.len(), boot.snapshot()), (2, Some(2)));
    boot.poweroff().unwrap();

    let boot = boot_by_hand(&machine, 3);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "none"));
    // The incident of the update is as it was: over.
    assert_eq!(status.incident()["ended"]["snapshot"]["number"], 2);
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
}
