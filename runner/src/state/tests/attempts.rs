//! Boots that began, and how many of a deployment are spent.

use super::*;
use crate::state::attempts::Ending;

#[test]
fn boots_without_a_verdict_are_counted_until_they_have_one() {
    let mut state = State::default();
    let died = |state: &State| state.unjudged(&snapshot(2), &boot(9), Ending::None);
    for number in 1..=3 {
        state.begin(&boot(number), &snapshot(2));
    }
    // Once more the same, as after a daemon-reexec.
    state.begin(&boot(3), &snapshot(2));
    state.begin(&boot(4), &snapshot(1));
    assert_eq!(died(&state), [boot(3), boot(2), boot(1)]);
    assert_eq!(
        state.unjudged(&snapshot(2), &boot(3), Ending::None),
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
    state.commit(good(2), &boot(5), &|_| Exists::Yes);
    assert_eq!(state.attempts, []);
}

#[test]
fn boots_that_failed_and_boots_that_died_are_spent_alike_and_once() {
    let mut state = with_good(&[1]);
    let spent = |state: &State, now| state.spent_boots(&snapshot(2), &boot(now));
    // Boot 3 fails, 4 dies, 5 dies and is found to have failed, 6 is shut down, 7 is another deployment's.
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
    state.commit(good(2), &boot(8), &|_| Exists::Yes);
    assert_eq!(spent(&state, 9), 0);
}
