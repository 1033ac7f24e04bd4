//! Any unit as a check: what an administrator hangs into health-check.target.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::Ended::{Rebooted, StayedUp};
use machine::{
    Machine, VENDOR_PLUGINS, add_to_health_target, course, lines, write_file, write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";

/// A machine with known good snapshot 1, and an update that requires a unit (which need not exist).
fn updated(name: &str, unit: &str, content: Option<&str>) -> Machine {
    let machine = Machine::new(name).unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", PASS))
        .unwrap();
    machine
        .boot_until_verdict(LIMIT)
        .unwrap()
        .poweroff()
        .unwrap();
    machine
        .update(|root| {
            add_to_health_target(root, "add-requires", unit)?;
            content.map_or(Ok(()), |content| {
                write_file(root, format!("/etc/systemd/system/{unit}"), content)
            })
        })
        .unwrap();
    machine
}

/// The update is undone because of this unit; what the plugin says still counts as passed. Gives why it failed.
fn must_be_undone(machine: &Machine, unit: &str, result: &str) -> String {
    let (boots, boot) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.incident_failed(), [(2, unit)]);
    let check = status.incident_check(unit);
    assert_eq!(check["result"], result);
    let said = format!("{}\n{}", check["message"], lines(&check["log"]));
    boot.poweroff().unwrap();
    said
}

#[test]
fn a_required_unit_that_does_not_exist_fails_the_boot_and_nothing_else() {
    let machine = updated("ghost", "ghost.service", None);
    let said = must_be_undone(&machine, "ghost.service", "error");
    assert!(said.contains("does not exist"), "{said}");
}

#[test]
fn a_required_unit_that_fails_is_named_with_its_log() {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no cluster; exit 5'\n";
    let machine = updated("fails", "cluster.service", Some(unit));
    let said = must_be_undone(&machine, "cluster.service", "failed");
    assert!(
        said.contains("status 5") && said.contains("no cluster"),
        "{said}"
    );
}

#[test]
fn a_required_unit_that_fails_late_is_waited_for() {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 3; exit 6'\n";
    let machine = updated("fails-late", "slow.service", Some(unit));
    let said = must_be_undone(&machine, "slow.service", "failed");
    assert!(said.contains("status 6"), "{said}");
}

#[test]
fn a_required_unit_that_is_slow_to_start_is_waited_for() {
    let unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 3; touch /run/slow'\n";
    let machine = updated("slow", "slow.service", Some(unit));
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.snapshot(), Some(2));
    boot.shell("test -e /run/slow; systemctl is-active boot-complete.target")
        .unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.check("slow.service")["result"], "passed");
    assert_eq!(status.known_good(), [2, 1]);
    boot.poweroff().unwrap();
}

#[test]
fn a_required_service_that_crashes_again_and_again_does_not_pass_between_two_crashes() {
    let unit = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=100ms\nExecStart=/bin/sh -c 'sleep 1; exit 1'\n";
    let machine = updated("crashes", "loop.service", Some(unit));
    let said = must_be_undone(&machine, "loop.service", "failed");
    assert!(said.contains("crash"), "{said}");
}

#[test]
fn a_required_service_of_a_known_good_snapshot_is_restarted_until_it_runs() {
    let unit = "[Service]\nExecStart=/bin/sh -c 'test ! -e /var/once || { rm /var/once; exit 1; }; exec sleep infinity'\n";
    let machine = updated("restarted", "shop.service", Some(unit));
    machine
        .boot_until_verdict(LIMIT)
        .unwrap()
        .poweroff()
        .unwrap();
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/once"), "")?))
        .unwrap();
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.incident_failed(), [(2, "shop.service")]);
    assert_eq!(status.steps(), [("restart", "done")]);
    boot.shell("systemctl is-active shop health-check.target boot-complete.target; health-checker")
        .unwrap();
    boot.poweroff().unwrap();
}
