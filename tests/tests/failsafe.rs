//! No verdict: the runner crashes, hangs, or has no D-Bus. The fail-safe decides, in a new snapshot and in a good one.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::path::Path;

use machine::{Ended, course, write_file};
use trouble::{assert_good, known_good, remove};

const DROP_IN: &str = "/etc/systemd/system/health-checker.service.d/test.conf";
const CRASH: &str = "[Service]\nExecStart=\nExecStart=/bin/false\n";

/// An update whose checks pass, but of which no verdict is given: it must be rolled back once.
fn no_verdict(name: &str, edit: impl FnOnce(&Path) -> anyhow::Result<()>) {
    let machine = known_good(name);
    machine.update(edit).unwrap();
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(2, Ended::Rebooted), (1, Ended::StayedUp)]);
    assert_good(&last, 2);
    let status = last.status().unwrap();
    assert_eq!(
        (status.steps(), status.bad()),
        (vec![("rollback", "done")], vec![2])
    );
    assert!(
        status.incident_failed().contains(&(2, "runner")),
        "{status:#?}"
    );
    last.poweroff().unwrap();
}

#[test]
fn the_runner_crashes_in_a_new_snapshot() {
    no_verdict("crash", |root| write_file(root, DROP_IN, CRASH));
}

#[test]
fn the_runner_hangs_in_a_new_snapshot() {
    let hang = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'\nTimeoutStartSec=2s\nTimeoutStopSec=2s\n";
    no_verdict("hang", |root| write_file(root, DROP_IN, hang));
}

#[test]
fn the_update_removed_dbus() {
    no_verdict("no-dbus", |root| {
        remove(root, "/usr/bin/dbus-daemon");
        Ok(())
    });
}

#[test]
fn the_update_broke_dbus_so_that_nobody_answers() {
    // The socket takes connections, and the daemon behind it never says anything.
    no_verdict("mute-dbus", |root| {
        trouble::install_fail_points(root);
        let mute = "[Service]\nType=simple\nExecStart=\nExecStart=/bin/sleep infinity\n";
        write_file(root, "/etc/systemd/system/dbus.service.d/test.conf", mute)
    });
}

#[test]
fn the_runner_always_crashes_in_the_only_good_snapshot() {
    let machine = known_good("good-crash");
    machine
        .edit(|root| write_file(root, DROP_IN, CRASH))
        .unwrap();
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(1, Ended::Rebooted), (1, Ended::StayedUp)]);
    let status = last.status().unwrap();
    assert_eq!(status.steps(), [("reboot", "done"), ("stop", "done")]);
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("unknown", "stop"), vec![1])
    );
    last.poweroff().unwrap();
    // Repaired by hand: healthy, and the incident is over.
    machine
        .edit(|root| {
            remove(root, DROP_IN);
            Ok(())
        })
        .unwrap();
    let last = machine.boot_until_verdict(trouble::LIMIT).unwrap();
    assert_good(&last, 1);
    assert!(last.status().unwrap().incident()["ended"].is_object());
    last.poweroff().unwrap();
}
