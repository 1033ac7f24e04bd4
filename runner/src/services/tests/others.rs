//! What others did before us: the boot loader fell back, the initrd went back, a runner died.

use super::courses::follow;
use super::world::{Went, World, outcomes};
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, Verdict};
use crate::model::finding::Next;
use crate::model::report::Report;
use crate::state::incident::Progress;
use crate::state::runtime;

#[test]
fn what_the_boot_loader_did_for_one_boot_becomes_lasting() {
    let mut world = World::updated(&[1, 2]);
    world.arm();
    world.begin_with(1);
    world.kernel_line("health-checker.boot=fallback");
    world.done();
    assert_eq!(
        world.boot(&["web"]),
        Next::Unhealthy,
        "a good one stays, whatever it is now"
    );
    assert_eq!(world.done(), ["snapshot 2 to snapshot 1"]);
    assert_eq!(world.next(), "1");
    let state = world.state();
    assert_eq!(state.bad[0].deployment, Deployment::numbered(2));
    let died = &state.history[1];
    assert_eq!(
        (died.verdict, &died.deployment),
        (Verdict::Unknown, &Some(Deployment::numbered(2)))
    );
    let failed = state.incident.unwrap().failed;
    let last = failed.last().unwrap();
    assert_eq!(last.deployment, Some(Deployment::numbered(2)));
    assert!(
        failed
            .iter()
            .any(|check| check.message.contains("snapshot 2 died 1 time"))
    );
}

#[test]
fn a_fall_back_that_only_the_boot_loader_tells_of_becomes_lasting_too() {
    let mut world = World::updated(&[1, 2]);
    world.begin_with(1);
    world.disk.content().look.fell_back = true;
    world.done();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.done()[0], "snapshot 2 to snapshot 1");
}

#[test]
fn the_fail_safe_asks_the_boot_loader_too() {
    let mut world = World::updated(&[1, 2]);
    world.begin_with(1);
    world.disk.content().look.fell_back = true;
    world.done();
    world.arm();
    world.fail_safe();
    assert_eq!(world.done()[0], "snapshot 2 to snapshot 1 without D-Bus");
}

#[test]
fn a_fall_back_that_was_being_made_lasting_is_finished_and_goes_nowhere_else() {
    let mut world = World::updated(&[1, 2, 3]);
    world.begin_with(2);
    world.kernel_line("health-checker.boot=fallback");
    // The runner died between its intent and the rollback.
    let key = world.key();
    world.with_state(|state| {
        let incident = state.incident_for(&key, Some(&Deployment::numbered(3)));
        incident.intend(Action::Rollback, &key, Some(&world.booted));
    });
    world.done();
    world.fail_safe();
    assert_eq!(world.done(), ["snapshot 3 to snapshot 2 without D-Bus"]);
    assert_eq!(world.next(), "2");
}

#[test]
fn what_is_lasting_already_is_not_made_so_again() {
    let mut world = World::updated(&[1, 2]);
    world.update_to(&Deployment::numbered(1));
    world.kernel_line("health-checker.boot=fallback");
    world.done();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.done(), ["snapshot 1 good, bad: []"]);
    assert_eq!(world.state().incident, None);
}

#[test]
fn a_fall_back_to_what_is_bad_itself_is_not_made_lasting() {
    let mut world = World::updated(&[1, 3]);
    world.disk.content().all.push(Deployment::numbered(2));
    world.begin_with(2);
    world.kernel_line("health-checker.boot=fallback");
    world.done();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    assert_eq!(world.done(), ["snapshot 2 to snapshot 1"]);
}

#[test]
fn a_fall_back_of_a_good_one_needs_to_be_written_down() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    world.begin_with(1);
    world.kernel_line("health-checker.boot=fallback");
    let mut machine = world.machine();
    world.done();
    world.break_var();
    follow(&mut machine, &["web"]);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
    // From one that was never healthy, also without: it limits itself.
    let mut world = World::updated(&[1, 2]);
    world.begin_with(1);
    world.kernel_line("health-checker.boot=fallback");
    let mut machine = world.machine();
    world.done();
    world.break_var();
    follow(&mut machine, &["web"]);
    assert_eq!(world.done(), ["snapshot 2 to snapshot 1, not written down"]);
}

#[test]
fn what_the_initrd_did_is_a_rollback_like_any_other() {
    let mut world = World::updated(&[1, 2]);
    world.rescue();
    world.begin();
    assert_eq!(world.boot(&[]), Next::Healthy);
    let state = world.state();
    assert_eq!(state.bad[0].deployment, Deployment::numbered(2));
    let incident = state.incident.unwrap();
    assert!(!incident.is_open() && incident.failed[0].message.contains("no root file system"));
    assert_eq!(
        incident.step(Action::Rollback).unwrap().progress,
        Progress::Done
    );
    assert!(
        world.disk.content().rescues.is_empty(),
        "they may act again"
    );
}

#[test]
fn what_the_initrd_did_is_not_forgotten_before_it_is_written_down() {
    let mut world = World::updated(&[1, 2]);
    world.rescue();
    world.begin();
    let mut machine = world.machine();
    world.break_var();
    assert_eq!(follow(&mut machine, &[]), Next::Healthy);
    assert_eq!(world.disk.content().rescues.len(), 1);
}

#[test]
fn the_fail_safe_reboots_where_a_reboot_was_begun() {
    let world = World::updated(&[1, 2]);
    world.arm();
    let key = world.key();
    world.with_state(|state| {
        let incident = state.incident_for(&key, Some(&world.booted));
        incident.intend(Action::Reboot, &key, None);
    });
    world.done();
    assert_eq!(world.fail_safe(), Went::Reboots);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
}

#[test]
fn where_nothing_else_is_left_the_fail_safe_stops_services() {
    let world = World::with(&[1]);
    world.arm();
    assert_eq!(world.fail_safe(), Went::On);
    let incident = world.state().incident.unwrap();
    assert!(incident.step(Action::Stop).is_some());
}

#[test]
fn without_a_verdict_a_new_one_goes_back() {
    let world = World::updated(&[1, 2]);
    world.arm();
    world.disk.content().judged = 0;
    assert_eq!(world.fail_safe(), Went::Reboots);
    assert_eq!(world.next(), "1");
    assert_eq!(
        world.disk.content().judged,
        1,
        "nothing is pending any more"
    );
    assert_eq!(world.state().incident.unwrap().failed[0].name, "runner");
}

#[test]
fn the_fail_safe_finishes_what_was_begun_and_begins_nothing_else() {
    let world = World::updated(&[1, 2]);
    world.arm();
    // The runner died between its intent and its rollback.
    let key = world.key();
    world.with_state(|state| {
        let incident = state.incident_for(&key, Some(&world.booted));
        incident.intend(Action::Rollback, &key, Some(&Deployment::numbered(1)));
    });
    world.done();
    assert_eq!(world.fail_safe(), Went::Reboots);
    assert_eq!(world.done(), ["snapshot 2 to snapshot 1 without D-Bus"]);
    let incident = world.state().incident.unwrap();
    assert_eq!((incident.steps.len(), incident.steps[0].attempts), (1, 1));
}

#[test]
fn the_fail_safe_reboots_where_only_that_was_left() {
    let world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    // It was never queued, and what was gone back to is nowhere else to go back to.
    runtime::remove(&world.root(), runtime::REBOOT);
    world.with_state(|state| state.known_good.clear());
    world.disk.content().marked.clear();
    world.done();
    assert_eq!(world.fail_safe(), Went::Reboots);
    assert_eq!((world.done(), world.next()), (vec![], "1".to_owned()));
}

#[test]
fn a_runner_that_died_while_it_restarted_services_has_not_judged() {
    let world = World::updated(&[1, 2]);
    world.arm();
    let report = Report {
        boot: world.key(),
        verdict: Verdict::Unhealthy,
        action: Action::Restart,
        why: String::new(),
        deployment: Some(world.booted.clone()),
        checks: outcomes(&["web"]),
        warnings: Vec::new(),
    };
    runtime::write(&world.root(), runtime::REPORT, &report).unwrap();
    assert_eq!(world.fail_safe(), Went::Reboots);
    assert_eq!(world.next(), "1");
    let failed = world.state().incident.unwrap().failed;
    let names: Vec<&str> = failed.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["runner", "web"]);
}
