//! What must be true of every crash state.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Instant;

use machine::{Cut, Left, Machine};
use serde_json::Value;

use crate::next_boot::{Expected, goes_on};
use crate::story::{Mark, Story};

/// Mounts so many crash states, looks at all of them, and boots one of each kind. Returns what is wrong.
pub fn check(
    machine: &Machine,
    story: &Story,
    expected: &Expected,
    (states, seed): (usize, u64),
) -> Vec<String> {
    let began = Instant::now();
    let cuts = story.recording.cuts(states, seed);
    assert_eq!(cuts.len(), states, "the log is too short");
    let mut violations = Vec::new();
    let mut kinds: BTreeMap<Left, Cut> = BTreeMap::new();
    let mut player = story.recording.player();
    let mut bad_states = 0;
    let mut lost = 0;
    for cut in &cuts {
        let _crash = player.crash(cut).unwrap();
        let found = match machine.left() {
            Ok(mut left) => {
                let wrong = wrong_with(&left, cut, story);
                lost += usize::from(has_lost(&left, cut, story));
                left.unsynced = None;
                kinds.entry(left).or_insert_with(|| cut.clone());
                wrong
            }
            Err(error) => vec![format!("it cannot be mounted: {error:#}")],
        };
        bad_states += usize::from(!found.is_empty());
        let place = place(cut, story);
        violations.extend(found.iter().map(|what| format!("{place}: {what}")));
    }
    println!(
        "{bad_states} of {} crash states are wrong (seed {seed}), {lost} lost what was not synced, {} kinds, {:.0?}",
        cuts.len(),
        kinds.len(),
        began.elapsed()
    );
    if lost == 0 {
        violations.push("nothing was ever lost: these are no power cuts".to_owned());
    }
    if !violations.is_empty() {
        return violations;
    }
    let mut to_boot: Vec<(Left, Cut)> = kinds.into_iter().collect();
    to_boot.sort_by_key(|(_, cut)| cut.durable);
    let mut player = story.recording.player();
    for (left, cut) in &to_boot {
        let _crash = player.crash(cut).unwrap();
        let place = place(cut, story);
        println!("{:.0?}: booting {place}", began.elapsed());
        let wrong = goes_on(machine, left, expected, story);
        wrong.iter().for_each(|what| println!("  {what}"));
        violations.extend(wrong.iter().map(|what| format!("{place}, booted: {what}")));
    }
    println!(
        "{} of {} boots went wrong, {:.0?}",
        violations.len(),
        to_boot.len(),
        began.elapsed()
    );
    violations
}

/// Where in the story a cut is, for people.
fn place(cut: &Cut, story: &Story) -> String {
    let mut marks = story.marks.iter();
    let after = marks.rfind(|mark| mark.position <= cut.durable);
    let after = after.map_or("the beginning", |mark| mark.step.as_str());
    format!(
        "power cut between entries {} and {}, after '{after}'",
        cut.durable, cut.until
    )
}

/// The marks at which a cut cannot lose anything any more, and those after them.
fn acknowledged<'s>(cut: &Cut, story: &'s Story) -> (&'s Mark, &'s [Mark]) {
    let marks = &story.marks;
    let last = marks
        .iter()
        .rposition(|mark| story.recording.last_flush(mark.position) <= cut.durable)
        .unwrap_or_default();
    (&marks[last], &marks[last..])
}

/// Whether what was written before the last acknowledged moment, and not synced, is not there.
fn has_lost(left: &Left, cut: &Cut, story: &Story) -> bool {
    let (last, _) = acknowledged(cut, story);
    let mut written = story.marks.iter().rev();
    let before = written.find(|mark| mark.position < last.position);
    let unsynced = left.unsynced.as_deref().unwrap_or_default().trim();
    let is_there = |mark: &Mark| mark.step == unsynced;
    before.is_some_and(|mark| mark.step != "begin" && !is_there(mark) && !is_there(last))
}

fn wrong_with(left: &Left, cut: &Cut, story: &Story) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mark, possible) = acknowledged(cut, story);
    let begin = &story.marks[0].left;
    // Each file is what it was at that moment, or what came later: whole, and never something else.
    let mut file = |name: &str, found: &Option<String>, of: fn(&Left) -> &Option<String>| {
        if !possible.iter().any(|mark| of(&mark.left) == found) {
            let older = story.marks.iter().any(|mark| of(&mark.left) == found);
            let what = match (older, found.as_deref().map(str::trim)) {
                (true, _) => "an older one",
                (false, None) => "missing",
                (false, Some("")) => "empty",
                (false, Some(_)) => "one that was never there",
            };
            wrong.push(format!(
                "{name} is {what}, though '{}' was reached",
                mark.step
            ));
        }
    };
    file("state.json", &left.state, |left| &left.state);
    file("the legacy state", &left.legacy, |left| &left.legacy);
    file("the rescue file", &left.rescue, |left| &left.rescue);
    if !possible
        .iter()
        .any(|mark| mark.left.default == left.default)
    {
        wrong.push(format!(
            "the default is snapshot {}, though '{}' was reached",
            left.default, mark.step
        ));
    }
    for (number, uuid) in &begin.snapshots {
        if left.snapshots.get(number) != Some(uuid) {
            wrong.push(format!("snapshot {number} is lost"));
        }
    }
    let state = match &left.state {
        None => Value::Null,
        Some(text) => serde_json::from_str(text).unwrap_or_else(|error| {
            wrong.push(format!("state.json is damaged: {error}"));
            Value::Null
        }),
    };
    let good = known_good(&state);
    for known in known_good(&parsed(begin)) {
        if !good.contains(&known) && !left.marked.contains(&known) {
            wrong.push(format!(
                "nobody knows any more that snapshot {known} is good"
            ));
        }
    }
    // Act and intent, and what is written after the state, in their order.
    if left.default != begin.default && rollback(&state).is_null() {
        wrong.push("the default was changed without an intent".to_owned());
    }
    let first = |same: &dyn Fn(&Left) -> bool| {
        let mut marks = story.marks.iter();
        marks.position(|mark| same(&mark.left))
    };
    let written = first(&|mark| mark.state == left.state);
    for (name, also) in [
        ("legacy state", first(&|mark| mark.legacy == left.legacy)),
        ("rescue file", first(&|mark| mark.rescue == left.rescue)),
    ] {
        if also > written {
            wrong.push(format!("the {name} is newer than state.json"));
        }
    }
    if rollback(&state)["progress"] == "done" && left.default == begin.default {
        wrong.push("a rollback is called done and is not".to_owned());
    }
    wrong
}

/// The state, or null.
pub fn parsed(left: &Left) -> Value {
    let text = left.state.as_deref().unwrap_or("null");
    serde_json::from_str(text).unwrap_or_default()
}

/// Numbers of the known good snapshots.
pub fn known_good(state: &Value) -> Vec<u64> {
    let known = state["known_good"].as_array();
    let numbers = known.into_iter().flatten();
    numbers
        .filter_map(|known| {
            known["deployment"]["label"]
                .as_str()?
                .strip_prefix("snapshot ")?
                .parse()
                .ok()
        })
        .collect()
}

/// The rollback of the incident, or null.
pub fn rollback(state: &Value) -> &Value {
    let steps = state["incident"]["steps"].as_array();
    let mut steps = steps.into_iter().flatten();
    steps
        .find(|step| step["action"] == "rollback")
        .unwrap_or(&Value::Null)
}
