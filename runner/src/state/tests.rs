//! Which deployment is gone back to, when an incident begins and ends, what is left of its ladder.

mod attempts;

use super::incident::{FailedCheck, Progress};
use super::*;
use crate::model::facts::{CheckResult, Outcome, Severity};
use crate::policy::Availability;

fn snapshot(number: u64) -> Deployment {
    Deployment::numbered(number)
}

/// All exist but these.
fn without(numbers: &[u64]) -> impl Fn(&Deployment) -> Exists {
    let gone: Vec<Deployment> = numbers.iter().copied().map(snapshot).collect();
    move |deployment| match gone.contains(deployment) {
        true => Exists::No,
        false => Exists::Yes,
    }
}

fn boot(number: u64) -> BootKey {
    BootKey {
        boot_id: format!("boot-{number}"),
        userspace_usec: number,
    }
}

fn good(number: u64) -> KnownGood {
    KnownGood::new(&snapshot(number), true)
}

fn with_good(numbers: &[u64]) -> State {
    let mut state = State::default();
    for number in numbers {
        state.commit(good(*number), &boot(0), &|_| Exists::Yes);
    }
    state
}

fn failed(boot_number: u64, at: u64, unit: &str) -> FailedCheck {
    FailedCheck {
        boot: boot(boot_number),
        deployment: Some(snapshot(at)),
        name: unit.to_owned(),
        unit: unit.to_owned(),
        result: CheckResult::Failed,
        exit_status: Some(1),
        message: String::new(),
        log: Vec::new(),
    }
}

fn failing(unit: &str) -> Outcome {
    Outcome {
        result: CheckResult::Failed,
        ..Outcome::finding(unit, unit, Severity::Required, String::new())
    }
}

#[test]
fn the_newest_existing_good_one_is_the_target() {
    let state = with_good(&[1, 2, 3]);
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| Exists::Yes),
        Some(snapshot(3))
    );
    assert_eq!(
        state.rollback_target(&snapshot(4), &without(&[3])),
        Some(snapshot(2))
    );
    assert_eq!(state.rollback_target(&snapshot(4), &|_| Exists::No), None);
    assert_eq!(
        State::default().rollback_target(&snapshot(4), &|_| Exists::Yes),
        None
    );
}

#[test]
fn a_lost_list_of_good_ones_is_salvaged_without_the_bad_ones() {
    let elsewhere = || vec![snapshot(1), snapshot(3), snapshot(2)];
    let mut state = State::default();
    state.mark_bad(&snapshot(3), "x".to_owned());
    assert!(state.salvage(elsewhere, &|_| Exists::Yes));
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| Exists::Yes),
        Some(snapshot(1))
    );
    assert!(!state.is_known_good(&snapshot(3)));
    // A list that only names what is gone is lost as well; one with a single place to go back to is not.
    let mut state = with_good(&[8, 9]);
    assert!(!state.salvage(elsewhere, &without(&[9])));
    assert_eq!(state, with_good(&[8, 9]));
    assert!(state.salvage(elsewhere, &without(&[8, 9])));
    assert_eq!(
        state.rollback_target(&snapshot(4), &without(&[8, 9])),
        Some(snapshot(1))
    );
    // Nothing elsewhere: as it was.
    assert!(!State::default().salvage(Vec::new, &|_| Exists::Yes));
}

#[test]
fn counters_at_their_end_stay_there() {
    let mut incident = Incident::new(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), None);
    incident.steps[0].attempts = u32::MAX;
    incident.intend(Action::Rollback, &boot(2), None);
    assert_eq!(incident.rollback(&boot(3)), Availability::Spent);
}

#[test]
fn from_a_good_one_only_to_an_earlier_one_and_never_to_itself() {
    let state = with_good(&[1, 2, 3]);
    assert_eq!(
        state.rollback_target(&snapshot(3), &|_| Exists::Yes),
        Some(snapshot(2))
    );
    assert_eq!(
        state.rollback_target(&snapshot(2), &|_| Exists::Yes),
        Some(snapshot(1))
    );
    assert_eq!(state.rollback_target(&snapshot(1), &|_| Exists::Yes), None);
}

#[test]
fn a_snapshot_that_failed_in_this_incident_or_is_bad_is_no_target() {
    let mut state = with_good(&[1, 2, 3]);
    state
        .incident_for(&boot(1), Some(&snapshot(3)))
        .record_failed(vec![failed(1, 3, "x")]);
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| Exists::Yes),
        Some(snapshot(2))
    );
    state.mark_bad(&snapshot(2), "x".to_owned());
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| Exists::Yes),
        Some(snapshot(1))
    );
    // Healthy again: no longer bad.
    state.commit(good(2), &boot(2), &|_| Exists::Yes);
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| Exists::Yes),
        Some(snapshot(2))
    );
}

#[test]
fn a_reused_number_is_another_snapshot() {
    let state = with_good(&[1]);
    let reused = Deployment {
        id: "memory:1:again".to_owned(),
        ..snapshot(1)
    };
    assert!(state.is_known_good(&snapshot(1)));
    assert!(!state.is_known_good(&reused));
}

#[test]
fn three_good_ones_are_kept_and_the_oldest_is_released() {
    let mut state = with_good(&[1, 2, 3]);
    assert_eq!(state.commit(good(2), &boot(1), &|_| Exists::Yes), []);
    assert_eq!(
        state.commit(good(4), &boot(2), &|_| Exists::Yes),
        [snapshot(1)]
    );
    let kept: Vec<&str> = state
        .known_good
        .iter()
        .map(|known| known.deployment.name())
        .collect();
    assert_eq!(kept, ["4", "2", "3"]);
}

#[test]
fn known_good_ones_that_were_deleted_make_room() {
    let mut state = with_good(&[1, 2, 3]);
    let released = state.commit(good(4), &boot(1), &without(&[3]));
    let kept: Vec<&str> = state
        .known_good
        .iter()
        .map(|known| known.deployment.name())
        .collect();
    assert_eq!((released, kept), (vec![], vec!["4", "2", "1"]));
    // Where none can be seen, nothing is known about any.
    state.commit(good(4), &boot(2), &|_| Exists::Unknown);
    assert_eq!(state.known_good.len(), 3);
}

#[test]
fn a_note_of_a_boot_that_could_not_write_is_taken_over_once() {
    let mut state = with_good(&[1]);
    let mut note = incident::Incident::new(&boot(1), Some(&snapshot(2)));
    note.record_failed(vec![failed(1, 2, "x")]);
    note.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    // What was there is kept.
    let before = state.incident_for(&boot(0), None).clone();
    state.take_over(note.clone());
    assert_eq!(state.past, [before]);
    assert_eq!(state.incident.as_ref(), Some(&note));
    assert_eq!(state.bad[0].deployment, snapshot(2));
    state.acknowledge();
    state.take_over(note);
    assert_eq!((state.incident.clone(), state.past.len()), (None, 2));
}

#[test]
fn an_incident_ends_with_a_healthy_boot_and_stays_until_acknowledged() {
    let mut state = with_good(&[1]);
    state.incident_for(&boot(1), Some(&snapshot(2))).intend(
        Action::Rollback,
        &boot(1),
        Some(&snapshot(1)),
    );
    assert!(state.open_incident().is_some());
    state.commit(good(1), &boot(2), &|_| Exists::Yes);
    assert!(state.open_incident().is_none());
    assert_eq!(
        state
            .incident
            .as_ref()
            .unwrap()
            .ended
            .as_ref()
            .unwrap()
            .boot,
        boot(2)
    );
    assert_eq!(state.acknowledge().unwrap().boot, boot(1));
    assert_eq!(
        (
            state.incident.clone(),
            state.past.len(),
            state.acknowledge()
        ),
        (None, 1, None)
    );
}

#[test]
fn a_new_incident_has_a_fresh_ladder_and_loses_nothing_of_the_old_one() {
    let mut state = with_good(&[1]);
    state
        .incident_for(&boot(1), Some(&snapshot(2)))
        .intend(Action::Reboot, &boot(1), None);
    state.commit(good(1), &boot(2), &|_| Exists::Yes);
    let incident = state.incident_for(&boot(3), Some(&snapshot(3)));
    assert_eq!(incident.boot, boot(3));
    assert_eq!(incident.reboot(&[]), Availability::Available);
    assert_eq!(state.past.len(), 1);
}

#[test]
fn steps_are_spent_by_their_intent_already() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.intend(Action::Restart, &boot(1), None);
    incident.intend(Action::Reboot, &boot(1), None);
    assert_eq!(
        (incident.restart(), incident.reboot(&[])),
        (Availability::Spent, Availability::Spent)
    );
}

#[test]
fn an_interrupted_rollback_is_finished_at_most_twice_and_a_done_one_never_repeated() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    for attempt in 1..=3 {
        assert_eq!(
            incident.rollback(&boot(attempt)),
            Availability::Available,
            "{attempt}"
        );
        incident.intend(Action::Rollback, &boot(attempt), Some(&snapshot(1)));
        assert_eq!(incident.interrupted_target(), Some(&snapshot(1)));
    }
    assert_eq!(incident.rollback(&boot(4)), Availability::Spent);

    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Done, vec!["said".to_owned()]);
    assert_eq!(incident.rollback(&boot(2)), Availability::Spent);
    assert_eq!(incident.interrupted_target(), None);
    assert_eq!(incident.step(Action::Rollback).unwrap().details, ["said"]);
}

#[test]
fn what_is_tried_again_belongs_to_the_boot_that_tries_it() {
    let mut incident = Incident::new(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.intend(Action::Rollback, &boot(2), Some(&snapshot(1)));
    assert!(incident.unfinished(&boot(2)).is_some());
    assert!(incident.unfinished(&boot(1)).is_none());
}

#[test]
fn a_failed_rollback_is_not_tried_again_in_the_same_boot() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Failed, Vec::new());
    assert_eq!(incident.rollback(&boot(1)), Availability::Spent);
    assert_eq!(incident.rollback(&boot(2)), Availability::Available);
}

#[test]
fn no_reboot_where_a_rollback_led_to_the_same_failing_checks() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), Some(&snapshot(2)));
    incident.record_failed(vec![failed(1, 2, "a")]);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Done, Vec::new());
    assert_eq!(incident.reboot(&[failing("a")]), Availability::Spent);
    assert_eq!(incident.reboot(&[failing("b")]), Availability::Available);
}

#[test]
fn a_second_round_in_the_same_boot_replaces_what_the_first_one_recorded() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.record_failed(vec![failed(1, 2, "a"), failed(1, 2, "b")]);
    incident.record_failed(vec![failed(1, 2, "b")]);
    incident.record_failed(vec![failed(2, 1, "c")]);
    let units: Vec<&str> = incident
        .failed
        .iter()
        .map(|check| check.unit.as_str())
        .collect();
    assert_eq!(units, ["c", "b"]);
}

#[test]
fn what_the_initrd_did_is_taken_over_once() {
    let mut state = with_good(&[1]);
    let rescue = Rescue {
        boot_id: "initrd-boot".to_owned(),
        label: "snapshot 2".to_owned(),
        from: Some(snapshot(2)),
        to: Some(snapshot(1)),
        who: Author::Initrd,
        reason: "no root file system".to_owned(),
    };
    state.take_over_rescue(&rescue);
    state.take_over_rescue(&rescue);
    let incident = state.open_incident().unwrap();
    assert_eq!(incident.failed.len(), 1);
    assert!(incident.failed[0].message.contains("no root file system"));
    assert_eq!(incident.steps.len(), 1);
    assert_eq!(state.bad[0].deployment, snapshot(2));
    // Arrived where it was to lead.
    state
        .incident
        .as_mut()
        .unwrap()
        .arrive(&boot(1), Some(&snapshot(1)));
    assert_eq!(
        state.incident.as_ref().unwrap().steps[0].progress,
        Progress::Done
    );
    // Also when somebody has acknowledged it meanwhile.
    state.acknowledge().unwrap();
    state.take_over_rescue(&rescue);
    assert_eq!(state.incident, None);
}
