//! I1 to I6 and I8.

use std::fs;

use super::world::{Went, World};
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, Verdict};
use crate::model::finding::Next;
use crate::state::incident::Progress;
use crate::state::runtime;

#[test]
fn i1_what_is_done_was_written_down_before() {
    let world = World::updated(&[1, 2]);
    world.done();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    // The disk looks at the state when it is changed.
    assert_eq!(world.done(), ["snapshot 2 to snapshot 1"]);
    let state = world.state();
    let step = state.incident.unwrap().step(Action::Rollback).cloned();
    assert_eq!(step.unwrap().progress, Progress::Done);
    assert_eq!(state.bad[0].deployment, Deployment::numbered(2));
    assert_eq!(state.bad[0].reason, "failed: web");
}

#[test]
fn i1_where_nothing_can_be_written_down_a_good_one_is_left_alone() {
    let mut world = World::updated(&[1, 2, 3]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    world.begin();
    world.done();
    // Armed before: what breaks is seen by the verdict first.
    let mut machine = world.machine();
    world.break_var();
    machine.ask_boot_loader();
    let next = super::courses::follow(&mut machine, &["web"]);
    assert_eq!((next, world.went()), (Next::Unhealthy, Went::On));
    assert_eq!((world.done(), world.next()), (vec![], "3".to_owned()));
    let report = world.report();
    assert_eq!(
        (report.verdict, report.action),
        (Verdict::Unhealthy, Action::None)
    );
}

#[test]
fn i1_a_new_one_goes_back_also_where_nothing_can_be_written_down_and_leaves_a_note() {
    let mut world = World::updated(&[1, 2]);
    world.break_var();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    assert_eq!(world.next(), "1");
    assert_eq!(
        world.machine().notes.len(),
        0,
        "for the next boot, not for this one"
    );
    // /var is back with what was in it: nothing; the note and the marks are all that is known.
    fs::remove_file(world.root().join("/var/lib/health-checker")).unwrap();
    world.begin();
    let state = world.state();
    assert_eq!(state.bad[0].deployment, Deployment::numbered(2));
    assert_eq!(state.open_incident().unwrap().failed[0].name, "web");
    assert!(state.is_known_good(&Deployment::numbered(1)));
    assert_eq!(world.machine().notes.len(), 1);
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert!(world.state().open_incident().is_none());
}

#[test]
fn i2_a_machine_that_always_fails_reboots_a_bounded_number_of_times_and_stays_up() {
    for (tries, courses) in [(1, vec!["3", "2", "2"]), (3, vec!["3", "3", "3", "2", "2"])] {
        let mut world = World::updated(&[1, 2, 3]);
        world.configure(&format!(
            "[Escalation]\nTries={tries}\nKnownGoodSnapshot=restart reboot stop\n"
        ));
        assert_eq!(
            world.fails_always(&["web", &format!("x{tries}")]),
            courses[..courses.len() - 1]
        );
        // And the next boot, whoever asked for it, begins no new ladder.
        world.begin();
        assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    }
}

#[test]
fn i3_only_what_was_healthy_and_is_still_there_is_gone_back_to() {
    // 2 was never healthy, 3 was deleted.
    let mut world = World::updated(&[1, 3, 4]);
    world.disk.content().all.retain(|all| all.name() != "3");
    world.disk.content().all.push(Deployment::numbered(2));
    world.done();
    assert_eq!(world.fails_always(&["web"])[..2], ["4", "1"]);
    assert!(
        world
            .done()
            .contains(&"snapshot 4 to snapshot 1".to_owned())
    );
    // Nothing is left at all.
    let mut world = World::updated(&[1, 2]);
    world.disk.content().all.retain(|all| all.name() != "1");
    assert_eq!(world.fails_always(&["web"]), ["2"]);
    assert_eq!(world.next(), "2");
    let state = world.state();
    assert!(state.incident.unwrap().step(Action::Rollback).is_none());
    assert_eq!(state.bad, [], "it was not rolled back from");
}

#[test]
fn i3_a_rollback_that_did_not_come_about_is_none() {
    let world = World::updated(&[1, 2]);
    world.disk.content().is_stuck = true;
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    let incident = world.state().incident.unwrap();
    let step = incident.step(Action::Rollback).unwrap();
    assert_eq!(step.progress, Progress::Failed);
    assert!(step.details[0].contains("stuck"), "{:?}", step.details);
    // What comes after it on the ladder.
    assert!(incident.step(Action::Stop).is_some());
}

#[test]
fn i4_a_damaged_state_is_no_reason_to_act_and_what_is_left_is_used() {
    for damage in ["", "{", "[]", "{\"version\": 99}"] {
        let world = World::updated(&[1, 2]);
        world.write("/var/lib/health-checker/state.json", damage);
        assert_eq!(world.boot(&[]), Next::Healthy, "{damage}");
        let warnings = world.report().warnings;
        assert!(warnings[0].contains("state.json"), "{warnings:?}");
        let world = World::updated(&[1, 2]);
        world.write("/var/lib/health-checker/state.json", damage);
        assert_eq!(world.boot(&["web"]), Next::Rebooting, "{damage}");
        assert_eq!(world.next(), "1", "as its mark says");
    }
}

#[test]
fn i5_a_boot_by_hand_changes_nothing() {
    for failed in [&[][..], &["web"]] {
        let mut world = World::updated(&[1, 2, 3]);
        assert_eq!(world.boot(&[]), Next::Healthy);
        world.begin_with(1);
        world.done();
        let before = world.state();
        let next = world.boot(failed);
        assert_ne!(next, Next::Rebooting);
        assert_eq!((world.done(), world.next()), (vec![], "3".to_owned()));
        let state = world.state();
        assert_eq!(state.known_good, before.known_good);
        assert_eq!(
            (state.bad, state.incident, state.attempts),
            (vec![], None, vec![])
        );
    }
}

#[test]
fn i6_the_kernel_command_line_wins() {
    let world = World::updated(&[1, 2]);
    world.done();
    world.kernel_line("quiet health-checker.action=report");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
    // To remember a healthy boot is no action.
    let world = World::updated(&[1, 2]);
    world.kernel_line("health-checker.action=report");
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert!(world.state().is_known_good(&Deployment::numbered(2)));
}

#[test]
fn i8_after_a_reboot_was_asked_for_nothing_else_is_done() {
    let world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    let asked: Option<crate::model::facts::BootKey> = runtime::read(&world.root(), runtime::REBOOT);
    assert_eq!(asked, Some(world.key()));
}
