//! Durability, with recorded disk writes: a machine's disk is recorded while it counts a boot, judges it, or rolls back,
//! and hundreds of states in which a power cut could have left that disk are mounted. Nothing that was acknowledged is
//! lost, nothing is half there, and what can be told apart is booted: the machine always ends in a good snapshot.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod next_boot;
mod oracle;
mod story;
#[path = "../trouble/mod.rs"]
mod trouble;

use machine::{Ended, Machine, VENDOR_PLUGINS, write_plugin};
use next_boot::Expected;
use oracle::check;
use story::{Story, install};
use trouble::{BROKEN, LIMIT, known_good_with};

/// Crash states of each of the four stories.
const STATES: usize = 300;
/// The same ones in every run of the same recording.
const SEED: u64 = 2026;

fn number(variable: &str, usual: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(usual, |text| text.parse().unwrap())
}

fn check_all(machine: &Machine, story: &Story, expected: &Expected) {
    let states = number("HEALTH_CHECKER_CRASH_STATES", STATES as u64) as usize;
    let seed = number("HEALTH_CHECKER_CRASH_SEED", SEED);
    let violations = check(machine, story, expected, (states, seed));
    assert!(
        violations.is_empty(),
        "{} violations, first ones:\n{}",
        violations.len(),
        violations[..violations.len().min(12)].join("\n")
    );
}

/// Nothing is known good before.
#[test]
fn the_first_healthy_boot() {
    let machine = Machine::new("crash-first").unwrap();
    machine
        .edit(|root| {
            install(root);
            write_plugin(root, VENDOR_PLUGINS, "whole", "#!/bin/sh\nexit 0\n")
        })
        .unwrap();
    let mut story = Story::begin(&machine);
    story.boots_healthy(&machine, &["armed", "recorded"]);
    let story = story.end(&machine);
    let expected = Expected {
        updated: 1,
        good: 1,
        begin_again: vec![(1, Ended::StayedUp)],
        died: vec![(1, Ended::StayedUp)],
        rolled_back: None,
    };
    check_all(&machine, &story, &expected);
}

/// Snapshot 1 is known good; an update is healthy as well.
#[test]
fn a_healthy_update() {
    let machine = known_good_with("crash-update", install);
    let update = machine.update(|_| Ok(())).unwrap();
    let mut story = Story::begin(&machine);
    story.boots_healthy(&machine, &["armed", "recorded"]);
    let story = story.end(&machine);
    let expected = Expected {
        updated: update,
        good: 1,
        begin_again: vec![(update, Ended::StayedUp)],
        // The second boot that comes as far as this is one too many.
        died: vec![(update, Ended::Rebooted), (1, Ended::StayedUp)],
        rolled_back: None,
    };
    check_all(&machine, &story, &expected);
}

/// An update fails its check: rollback, reboot, and a healthy boot of what was good.
#[test]
fn a_rollback_after_the_verdict() {
    let machine = known_good_with("crash-broken", install);
    let update = trouble::broken_update(&machine, |_| {});
    assert!(machine.read(BROKEN).is_ok());
    let mut story = Story::begin(&machine);
    let steps = [
        "armed",
        "intended",
        "default-set",
        "rolled-back",
        "before-reboot",
        "rebooting",
    ];
    story.boots_and_reboots(&machine, &steps);
    story.boots_healthy(&machine, &["armed", "recorded"]);
    let story = story.end(&machine);
    check_all(&machine, &story, &goes_back(update));
}

/// An update died before its verdict: the next boot goes back early, without D-Bus.
#[test]
fn a_rollback_of_what_died() {
    let machine = known_good_with("crash-died", install);
    let slow = "#!/bin/sh\nexec sleep 80\n";
    let update = machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, "slow", slow))
        .unwrap();
    let mut boot = machine.boot().unwrap();
    boot.wait("the check", LIMIT, |boot| {
        Ok(boot.state_of("health-check@slow.service")? == "activating")
    })
    .unwrap();
    boot.power_cut().unwrap();
    let mut story = Story::begin(&machine);
    let steps = [
        "armed",
        "intended",
        "default-set",
        "rolled-back",
        "before-reboot",
        "rebooting",
    ];
    story.boots_and_reboots(&machine, &steps);
    story.boots_healthy(&machine, &["armed", "recorded"]);
    let story = story.end(&machine);
    check_all(&machine, &story, &goes_back(update));
}

fn goes_back(update: u64) -> Expected {
    assert_eq!(update, 2);
    Expected {
        updated: update,
        good: 1,
        begin_again: vec![(2, Ended::Rebooted), (1, Ended::StayedUp)],
        died: vec![(2, Ended::Rebooted), (1, Ended::StayedUp)],
        rolled_back: Some(vec![(1, Ended::StayedUp)]),
    }
}
