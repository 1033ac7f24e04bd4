//! Scenario 17: the runner dies at each of its steps, by SIGKILL (then the fail-safe goes on) or with the whole machine
//! (then the next boot does). Never two actions for one intent, never a lost good snapshot, and always an end.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::{Boot, Ended, Machine, course, write_file};
use trouble::{LIMIT, assert_good, broken_update, install_fail_points, known_good_with};

const ARMED: &str = "/var/lib/fail-point";
const REACHED: &str = "/run/health-checker-fail-point.reached";
const BAD: (u64, Ended) = (0, Ended::Rebooted);
const GOOD: (u64, Ended) = (1, Ended::StayedUp);

fn machine(name: &str) -> Machine {
    known_good_with(name, install_fail_points)
}

/// What happens at a step of the next boot.
fn arm(machine: &Machine, step: &str, what: &str) {
    machine
        .edit(|root| write_file(root, ARMED, format!("{step} {what}\n")))
        .unwrap();
}

/// Boots until the runner stands still at the armed step, and cuts the power there.
fn cut_at_step(machine: &Machine) {
    let mut boot = machine.boot().unwrap();
    boot.wait("the fail point", LIMIT, |boot| {
        Ok(boot.run(["test", "-e", REACHED])?.status.success())
    })
    .unwrap();
    boot.power_cut().unwrap();
    // The machine may have lost that it was used up.
    machine
        .edit(|root| remove_if_there(&root.join(&ARMED[1..])))
        .unwrap();
}

fn remove_if_there(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Lets the machine go on; the boots must be these, 0 standing for the snapshot of the update.
fn goes_on(machine: &Machine, update: u64, expected: &[(u64, Ended)]) -> Boot {
    let (boots, last) = machine.run_to_end(expected.len() + 2).unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|&(number, ended)| (if number == 0 { update } else { number }, ended))
        .collect();
    assert_eq!(course(&boots), expected);
    last
}

/// Ends a story about a bad update, so that the next one can begin on the same machine.
fn end(machine: &Machine, last: Boot, update: u64, attempts: u64) {
    assert_good(&last, update);
    let status = last.status().unwrap();
    assert_eq!(status.steps(), [("rollback", "done")]);
    assert_eq!(
        status.step("rollback")["attempts"],
        attempts,
        "{:#}",
        status.step("rollback")
    );
    assert_eq!(status.bad()[0], update);
    assert!(status.incident()["ended"].is_object());
    last.shell("health-checker reset").unwrap();
    last.poweroff().unwrap();
    machine.delete_snapshot(update).unwrap();
}

#[test]
fn killed_during_a_rollback_the_fail_safe_finishes_it() {
    let machine = machine("kill");
    for step in [
        "begun",
        "judged",
        "decided",
        "intended",
        "rolled-back",
        "before-reboot",
        "rebooting",
    ] {
        println!("killed at '{step}'");
        let update = broken_update(&machine, |_| {});
        arm(&machine, step, "kill");
        let last = goes_on(&machine, update, &[BAD, GOOD]);
        // It did die there: what is armed is used up.
        last.shell(&format!("test ! -e {ARMED}")).unwrap();
        end(&machine, last, update, 1);
    }
}

#[test]
fn power_cut_during_a_rollback_the_next_boot_finishes_it() {
    let machine = machine("cut");
    for (step, then, attempts) in [
        ("begun", &[BAD, GOOD][..], 1),
        ("judged", &[BAD, GOOD], 1),
        ("decided", &[BAD, GOOD], 1),
        // The intent was on disk: one more attempt of the same one.
        ("intended", &[BAD, GOOD], 2),
        // The new default was on disk: the power cut was the reboot.
        ("rolled-back", &[GOOD], 1),
        ("before-reboot", &[GOOD], 1),
        ("rebooting", &[GOOD], 1),
    ] {
        println!("power cut at '{step}'");
        let update = broken_update(&machine, |_| {});
        arm(&machine, step, "hold");
        cut_at_step(&machine);
        let last = goes_on(&machine, update, then);
        end(&machine, last, update, attempts);
    }
}

/// Two known good snapshots, of which the second fails from now on.
fn two_good(name: &str) -> Machine {
    let machine = machine(name);
    machine
        .update(|root| write_file(root, "/usr/two", ""))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().known_good(), [2, 1]);
    boot.poweroff().unwrap();
    machine
        .edit(|root| write_file(root, "/etc/failing", ""))
        .unwrap();
    machine
}

/// The ladder was climbed once, whatever came in between: each step is there once, and both snapshots are kept.
fn climbed(last: &Boot) {
    let status = last.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    let steps: Vec<_> = status.steps().iter().map(|step| step.0).collect();
    assert_eq!(steps, ["restart", "reboot", "rollback"]);
    for action in steps {
        assert_eq!(status.step(action)["attempts"], 1, "{action}");
    }
    assert_eq!((status.known_good(), status.bad()), (vec![1, 2], vec![2]));
}

#[test]
fn killed_on_the_ladder_of_a_known_good_snapshot() {
    let two = (2, Ended::Rebooted);
    for step in ["restarted", "intended", "before-reboot"] {
        println!("killed at '{step}'");
        let machine = two_good("kill-good");
        arm(&machine, step, "kill");
        let last = goes_on(&machine, 2, &[two, two, GOOD]);
        climbed(&last);
    }
}

#[test]
fn power_cut_on_the_ladder_of_a_known_good_snapshot() {
    let two = (2, Ended::Rebooted);
    for (step, then) in [
        // Services were being restarted: next is the reboot, though the machine has just been booted.
        ("restarted", &[two, two, GOOD][..]),
        // The reboot was on disk, and the power cut was one.
        ("before-reboot", &[two, GOOD]),
    ] {
        println!("power cut at '{step}'");
        let machine = two_good("cut-good");
        arm(&machine, step, "hold");
        cut_at_step(&machine);
        climbed(&goes_on(&machine, 2, then));
    }
}

#[test]
fn killed_after_the_verdict_was_recorded_a_healthy_boot_stays_up() {
    let machine = machine("recorded");
    machine
        .update(|root| write_file(root, "/usr/two", ""))
        .unwrap();
    arm(&machine, "recorded", "kill");
    let last = goes_on(&machine, 2, &[(2, Ended::StayedUp)]);
    let status = last.status().unwrap();
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("healthy", "none"), vec![2, 1])
    );
    assert!(status.incident().is_null());
}

#[test]
fn killed_at_random_moments_it_always_ends_in_the_good_snapshot() {
    const ROUNDS: u32 = 6;
    // Numerical Recipes' generator: the same moments in every run, as far as machines are alike.
    let mut seed: u32 = 2026;
    let mut random = move |limit: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % limit
    };
    let machine = machine("random");
    for round in 0..ROUNDS {
        let update = broken_update(&machine, |_| {});
        let mut story = Vec::new();
        // Two interruptions: a rollback is tried three times.
        for _ in 0..2 {
            let boot = machine.boot().unwrap();
            let moment = Duration::from_millis(u64::from(random(2000)));
            std::thread::sleep(moment);
            let what = random(3);
            story.push((moment, what));
            // It may have rebooted before.
            let _ = match what {
                0 => boot.power_cut(),
                1 => boot.kill(),
                _ => boot
                    .shell("systemctl kill --signal=KILL 'health-checker*'")
                    .and_then(|_| boot.wait_end())
                    .map(|_| ()),
            };
        }
        println!("round {round}: {story:?}");
        let (boots, last) = machine.run_to_end(4).unwrap();
        println!("then {:?}", course(&boots));
        assert_good(&last, update);
        assert!(last.status().unwrap().steps().len() <= 1);
        last.shell("health-checker reset").unwrap();
        last.poweroff().unwrap();
        machine.delete_snapshot(update).unwrap();
    }
}

#[test]
fn power_cut_before_the_boot_loader_knew_of_a_rollback() {
    let machine = machine("half");
    let update = broken_update(&machine, |_| {});
    arm(&machine, "default-set", "hold");
    cut_at_step(&machine);
    assert_eq!(machine.default_snapshot().unwrap(), 1);
    // A boot loader with entries of its own boots the bad one again: no boot by hand, but a rollback to be finished.
    let mut boot = machine.boot_from(update).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::Rebooted);
    drop(boot);
    let last = goes_on(&machine, update, &[GOOD]);
    end(&machine, last, update, 2);
}
