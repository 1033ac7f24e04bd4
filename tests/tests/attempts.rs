//! Boots that die before there is a verdict: counted by the next one, gone back from when there are too many, and never
//! mistaken for boots that were shut down, asked for something else, or are nobody's to judge.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::path::Path;

use machine::{Boot, Ended, Machine, VENDOR_PLUGINS, course, write_file, write_plugin};
use trouble::{LIMIT, assert_good, known_good, mask, warnings};

const CONFIGURATION: &str = "/etc/health-checker/health-checker.conf.d/test.conf";
/// So long that the boot has no verdict when the test ends it.
const SLOW: &str = "#!/bin/sh\nexec sleep 80\n";

/// An update that is healthy, but takes its time.
fn slow_update(machine: &Machine) -> u64 {
    machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, "slow", SLOW))
        .unwrap()
}

/// Takes the slowness away: the next boot that gets to its verdict is healthy.
fn hurry(machine: &Machine) {
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "slow", "#!/bin/sh\nexit 0\n"))
        .unwrap();
}

/// Boots until the checks run: counted, and far from a verdict.
fn boot_without_verdict(machine: &Machine) -> Boot {
    let mut boot = machine.boot().unwrap();
    boot.wait("the check", LIMIT, |boot| {
        Ok(boot.state_of("health-check@slow.service")? == "activating")
    })
    .unwrap();
    boot
}

fn dies(machine: &Machine) {
    boot_without_verdict(machine).power_cut().unwrap();
}

fn tries(root: &Path, number: u32) -> anyhow::Result<()> {
    write_file(
        root,
        CONFIGURATION,
        format!("[Escalation]\nTries={number}\n"),
    )
}

#[test]
fn the_second_boot_of_a_new_snapshot_that_died_goes_back_at_once() {
    let machine = known_good("died");
    let bad = slow_update(&machine);
    // Not a power cut, which would lose what the journal had not synced.
    boot_without_verdict(&machine).kill().unwrap();
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_good(&last, bad);
    let status = last.status().unwrap();
    assert_eq!(status.bad(), [bad]);
    assert_eq!(status.steps(), [("rollback", "done")]);
    assert_eq!(status.incident_failed(), [(bad, "boot")]);
    let check = status.incident_check("boot");
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("died before it was judged, attempts 1"),
        "{message}"
    );
    // What the boot said before it died.
    assert!(!check["log"].as_array().unwrap().is_empty(), "{check}");
    // Early: the runner of that boot never began, and nothing was asked of D-Bus.
    let journal = last
        .journal(&["-b", "-1", "-u", "health-checker", "-o", "cat"])
        .unwrap();
    assert!(!journal.contains("Health check"), "{journal}");
    let history = last.shell("health-checker history").unwrap();
    // The one that died, and the one that went back.
    assert_eq!(history.matches("unknown").count(), 2, "{history}");
    last.poweroff().unwrap();
}

#[test]
fn as_many_boots_as_configured_are_granted() {
    let machine = known_good("tries");
    let bad = machine
        .update(|root| {
            tries(root, 3)?;
            write_plugin(root, VENDOR_PLUGINS, "slow", SLOW)
        })
        .unwrap();
    for _ in 0..2 {
        dies(&machine);
        assert_eq!(machine.default_snapshot().unwrap(), bad);
    }
    // The third is granted, and is healthy: the update stays, and what died is forgotten.
    hurry(&machine);
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.snapshot(), Some(bad));
    let status = boot.status().unwrap();
    assert_eq!(
        (status.verdict().0, status.known_good()),
        ("healthy", vec![bad, 1])
    );
    boot.poweroff().unwrap();
}

/// Fails in its first boot, and comes to no end in those after it.
const FAILS_THEN_HANGS: &str = "#!/bin/sh\necho >> /var/boots\n\
    test $(wc -l < /var/boots) -gt 1 || exit 1\nexec sleep 80\n";

#[test]
fn boots_that_failed_and_boots_that_died_count_together() {
    let machine = known_good("mixed");
    let bad = machine
        .update(|root| {
            tries(root, 2)?;
            write_plugin(root, VENDOR_PLUGINS, "slow", FAILS_THEN_HANGS)
        })
        .unwrap();
    let mut boot = machine.boot().unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::Rebooted);
    boot_without_verdict(&machine).kill().unwrap();
    // Both tries are spent: the third boot goes back before a check begins.
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_eq!(last.shell("wc -l < /var/boots").unwrap(), "2\n");
    assert_good(&last, bad);
    last.poweroff().unwrap();
}

#[test]
fn an_orderly_shutdown_is_no_death_unless_it_happens_again_and_again() {
    let machine = known_good("orderly");
    let update = slow_update(&machine);
    for number in 0..5 {
        let boot = boot_without_verdict(&machine);
        match number % 2 {
            0 => boot.poweroff().unwrap(),
            _ => boot.reboot().unwrap(),
        }
    }
    // Nobody shuts a machine down five times before it has booted: the snapshot does.
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        course(&boots),
        [(update, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_good(&last, update);
    last.poweroff().unwrap();
}

#[test]
fn a_known_good_snapshot_that_dies_three_times_goes_back_to_an_earlier_one() {
    let machine = known_good("good-dies");
    let second = machine.update(|_| Ok(())).unwrap();
    machine
        .boot_until_verdict(LIMIT)
        .unwrap()
        .poweroff()
        .unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "slow", SLOW))
        .unwrap();
    for _ in 0..3 {
        dies(&machine);
        assert_eq!(machine.default_snapshot().unwrap(), second);
    }
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        course(&boots),
        [(second, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_eq!(last.status().unwrap().known_good(), [1, second]);
    last.poweroff().unwrap();
}

#[test]
fn without_a_place_to_go_back_to_the_boot_goes_on() {
    let machine = Machine::new("first").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "slow", SLOW))
        .unwrap();
    for _ in 0..2 {
        dies(&machine);
    }
    hurry(&machine);
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("healthy", "none"), vec![1])
    );
    boot.poweroff().unwrap();
}

#[test]
fn what_nobody_wants_judged_is_not_counted() {
    let machine = known_good("uncounted");
    let update = slow_update(&machine);
    // A target of the user's choice, on the command line.
    for _ in 0..2 {
        let mut boot = machine.boot_with(&["systemd.unit=rescue.target"]).unwrap();
        boot.wait("rescue mode", LIMIT, |boot| {
            Ok(boot.state_of("rescue.target")? == "active")
        })
        .unwrap();
        boot.power_cut().unwrap();
    }
    // A masked runner.
    machine
        .edit(|root| {
            mask(root, "health-checker.service");
            Ok(())
        })
        .unwrap();
    for _ in 0..2 {
        let mut boot = machine.boot().unwrap();
        boot.wait_finished().unwrap();
        boot.power_cut().unwrap();
    }
    machine
        .edit(|root| {
            trouble::remove(root, "/etc/systemd/system/health-checker.service");
            Ok(())
        })
        .unwrap();
    // Judging only, by the kernel command line.
    let mut boot = machine
        .boot_with(&["health-checker.action=report"])
        .unwrap();
    boot.wait("the check", LIMIT, |boot| {
        Ok(boot.state_of("health-check@slow.service")? == "activating")
    })
    .unwrap();
    boot.power_cut().unwrap();
    hurry(&machine);
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.snapshot(), Some(update));
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    assert_eq!(warnings(&boot), "");
    boot.poweroff().unwrap();
}
