//! Which snapshot is gone back to, when an incident begins and ends, what is left of its ladder.

use super::incident::{FailedCheck, Progress};
use super::*;
use crate::model::facts::{CheckResult, Outcome, Severity};
use crate::policy::Step;

fn snapshot(number: u64) -> SnapshotId {
    SnapshotId {
        number,
        id: 256 + number,
        uuid: format!("uuid-{number}"),
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
        state.commit(good(*number), &boot(0), &|_| true);
    }
    state
}

fn failed(boot_number: u64, at: u64, unit: &str) -> FailedCheck {
    FailedCheck {
        boot: boot(boot_number),
        snapshot: Some(snapshot(at)),
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
        state.rollback_target(&snapshot(4), &|_| true),
        Some(snapshot(3))
    );
    assert_eq!(
        state.rollback_target(&snapshot(4), &|s| s.number != 3),
        Some(snapshot(2))
    );
    assert_eq!(state.rollback_target(&snapshot(4), &|_| false), None);
    assert_eq!(
        State::default().rollback_target(&snapshot(4), &|_| true),
        None
    );
}

#[test]
fn a_lost_list_of_good_ones_is_salvaged_without_the_bad_ones() {
    let elsewhere = || vec![snapshot(1), snapshot(3), snapshot(2)];
    let mut state = State::default();
    state.mark_bad(&snapshot(3), "x".to_owned());
    assert!(state.salvage(elsewhere, &|_| true));
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| true),
        Some(snapshot(1))
    );
    assert!(!state.is_known_good(&snapshot(3)));
    // A list that only names what is gone is lost as well; one with a single place to go back to is not.
    let mut state = with_good(&[8, 9]);
    assert!(!state.salvage(elsewhere, &|snapshot| snapshot.number != 9));
    assert_eq!(state, with_good(&[8, 9]));
    assert!(state.salvage(elsewhere, &|snapshot| snapshot.number < 8));
    assert_eq!(
        state.rollback_target(&snapshot(4), &|snapshot| snapshot.number < 8),
        Some(snapshot(1))
    );
    // Nothing elsewhere: as it was.
    assert!(!State::default().salvage(Vec::new, &|_| true));
}

#[test]
fn counters_at_their_end_stay_there() {
    let mut incident = Incident::new(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), None);
    incident.steps[0].attempts = u32::MAX;
    incident.intend(Action::Rollback, &boot(2), None);
    assert_eq!(incident.rollback(&boot(3)), Step::Spent);
}

#[test]
fn from_a_good_one_only_to_an_earlier_one_and_never_to_itself() {
    let state = with_good(&[1, 2, 3]);
    assert_eq!(
        state.rollback_target(&snapshot(3), &|_| true),
        Some(snapshot(2))
    );
    assert_eq!(
        state.rollback_target(&snapshot(2), &|_| true),
        Some(snapshot(1))
    );
    assert_eq!(state.rollback_target(&snapshot(1), &|_| true), None);
}

#[test]
fn a_snapshot_that_failed_in_this_incident_or_is_bad_is_no_target() {
    let mut state = with_good(&[1, 2, 3]);
    state
        .incident_for(&boot(1), Some(&snapshot(3)))
        .record_failed(vec![failed(1, 3, "x")]);
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| true),
        Some(snapshot(2))
    );
    state.mark_bad(&snapshot(2), "x".to_owned());
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| true),
        Some(snapshot(1))
    );
    // Healthy again: no longer bad.
    state.commit(good(2), &boot(2), &|_| true);
    assert_eq!(
        state.rollback_target(&snapshot(4), &|_| true),
        Some(snapshot(2))
    );
}

#[test]
fn a_reused_number_is_another_snapshot() {
    let state = with_good(&[1]);
    let reused = SnapshotId {
        uuid: "other".to_owned(),
        ..snapshot(1)
    };
    assert!(state.is_known_good(&snapshot(1)));
    assert!(!state.is_known_good(&reused));
}

#[test]
fn three_good_ones_are_kept_and_the_oldest_is_released() {
    let mut state = with_good(&[1, 2, 3]);
    assert_eq!(state.commit(good(2), &boot(1), &|_| true), []);
    assert_eq!(state.commit(good(4), &boot(2), &|_| true), [snapshot(1)]);
    let kept: Vec<u64> = state
        .known_good
        .iter()
        .map(|known| known.snapshot.number)
        .collect();
    assert_eq!(kept, [4, 2, 3]);
}

#[test]
fn known_good_ones_that_were_deleted_make_room() {
    let mut state = with_good(&[1, 2, 3]);
    let released = state.commit(good(4), &boot(1), &|snapshot| snapshot.number != 3);
    let kept: Vec<u64> = state
        .known_good
        .iter()
        .map(|known| known.snapshot.number)
        .collect();
    assert_eq!((released, kept), (vec![], vec![4, 2, 1]));
    // Where none can be seen, nothing is known about any.
    state.commit(good(4), &boot(2), &|_| false);
    assert_eq!(state.known_good.len(), 3);
}

#[test]
fn a_note_of_a_boot_that_could_not_write_is_taken_over_once() {
    let mut state = with_good(&[1]);
    let mut note = incident::Incident::new(&boot(1), Some(&snapshot(2)));
    note.record_failed(vec![failed(1, 2, "x")]);
    note.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    state.take_over(note.clone());
    assert_eq!(state.incident.as_ref(), Some(&note));
    assert_eq!(state.bad[0].snapshot, snapshot(2));
    state.acknowledge();
    state.take_over(note);
    assert_eq!((state.incident.clone(), state.past.len()), (None, 1));
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
    state.commit(good(1), &boot(2), &|_| true);
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
    state.commit(good(1), &boot(2), &|_| true);
    let incident = state.incident_for(&boot(3), Some(&snapshot(3)));
    assert_eq!(incident.boot, boot(3));
    assert_eq!(incident.reboot(&[]), Step::Available);
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
        (Step::Spent, Step::Spent)
    );
}

#[test]
fn an_interrupted_rollback_is_finished_at_most_twice_and_a_done_one_never_repeated() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    for attempt in 1..=3 {
        assert_eq!(
            incident.rollback(&boot(attempt)),
            Step::Available,
            "{attempt}"
        );
        incident.intend(Action::Rollback, &boot(attempt), Some(&snapshot(1)));
        assert_eq!(incident.interrupted_target(), Some(&snapshot(1)));
    }
    assert_eq!(incident.rollback(&boot(4)), Step::Spent);

    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Done, vec!["said".to_owned()]);
    assert_eq!(incident.rollback(&boot(2)), Step::Spent);
    assert_eq!(incident.interrupted_target(), None);
    assert_eq!(incident.step(Action::Rollback).unwrap().details, ["said"]);
}

#[test]
fn a_failed_rollback_is_not_tried_again_in_the_same_boot() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), None);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Failed, Vec::new());
    assert_eq!(incident.rollback(&boot(1)), Step::Spent);
    assert_eq!(incident.rollback(&boot(2)), Step::Available);
}

#[test]
fn no_reboot_where_a_rollback_led_to_the_same_failing_checks() {
    let mut state = State::default();
    let incident = state.incident_for(&boot(1), Some(&snapshot(2)));
    incident.record_failed(vec![failed(1, 2, "a")]);
    incident.intend(Action::Rollback, &boot(1), Some(&snapshot(1)));
    incident.finish(Action::Rollback, Progress::Done, Vec::new());
    assert_eq!(incident.reboot(&[failing("a")]), Step::Spent);
    assert_eq!(incident.reboot(&[failing("b")]), Step::Available);
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
fn boots_without_a_verdict_are_counted_until_they_have_one() {
    let mut state = State::default();
    let died = |state: &State| state.unjudged(&snapshot(2), &boot(9), attempts::End::None);
    for number in 1..=3 {
        state.begin(&boot(number), &snapshot(2));
    }
    // Once more the same, as after a daemon-reexec.
    state.begin(&boot(3), &snapshot(2));
    state.begin(&boot(4), &snapshot(1));
    assert_eq!(died(&state), [boot(3), boot(2), boot(1)]);
    assert_eq!(
        state.unjudged(&snapshot(2), &boot(3), attempts::End::None),
        [boot(2), boot(1)],
        "the boot that goes on has not died"
    );
    assert!(state.shut_down(&boot(2)));
    assert!(!state.shut_down(&boot(7)), "nothing is known of it");
    assert_eq!(died(&state), [boot(3), boot(1)]);
    state.note_died(&snapshot(2), &died(&state), 0);
    state.note_died(&snapshot(2), &died(&state), 0);
    let history: Vec<&BootKey> = state.history.iter().map(|record| &record.boot).collect();
    assert_eq!(history, [&boot(3), &boot(1)], "each of them once");
    state.remember(BootRecord {
        boot: boot(3),
        ..state.history[0].clone()
    });
    assert_eq!(died(&state), [boot(1)]);
    state.commit(good(2), &boot(5), &|_| true);
    assert_eq!(state.attempts, []);
}

#[test]
fn what_the_initrd_did_is_taken_over_once() {
    let mut state = with_good(&[1]);
    let rescue = Rescue {
        boot_id: "initrd-boot".to_owned(),
        from: 2,
        to: Some(snapshot(1)),
        from_snapshot: Some(snapshot(2)),
        who: "initrd".to_owned(),
        reason: "no root file system".to_owned(),
    };
    state.take_over_rescue(&rescue);
    state.take_over_rescue(&rescue);
    let incident = state.open_incident().unwrap();
    assert_eq!(incident.failed.len(), 1);
    assert!(incident.failed[0].message.contains("no root file system"));
    assert_eq!(incident.steps.len(), 1);
    assert_eq!(state.bad[0].snapshot, snapshot(2));
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

#[test]
fn boots_that_failed_and_boots_that_died_are_spent_alike_and_once() {
    let mut state = with_good(&[1]);
    let spent = |state: &State, now| state.spent_boots(&snapshot(2), &boot(now));
    // Boot 3 fails, 4 dies, 5 dies and is found to have failed, 6 is shut down, 7 is another snapshot's.
    let incident = state.incident_for(&boot(3), Some(&snapshot(2)));
    incident.record_failed(vec![
        failed(3, 2, "a"),
        failed(5, 2, "boot"),
        failed(7, 1, "a"),
    ]);
    for number in [4, 5, 6] {
        state.begin(&boot(number), &snapshot(2));
    }
    state.begin(&boot(7), &snapshot(1));
    state.shut_down(&boot(6));
    assert_eq!(spent(&state, 8), 3);
    // The boot that goes on is not spent yet.
    state.begin(&boot(8), &snapshot(2));
    assert_eq!((spent(&state, 8), spent(&state, 5)), (3, 3));
    // With the incident, its failures are over.
    state.commit(good(2), &boot(8), &|_| true);
    assert_eq!(spent(&state, 9), 0);
}
