//! What a machine does next, booted from a crash state, and whether it may.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use machine::{Ended, Left, Machine, course};
use serde_json::Value;

use crate::oracle::{known_good, parsed, rollback};
use crate::story::Story;

/// What the machine may do, booted from a crash state.
pub struct Expected {
    /// The snapshot that was the default in the beginning.
    pub updated: u64,
    /// Where it goes back to.
    pub good: u64,
    /// The boots to come where nothing of the recorded ones is on disk.
    pub begin_again: Vec<(u64, Ended)>,
    /// The same where it is on disk that a boot began, and no verdict.
    pub died: Vec<(u64, Ended)>,
    /// The same where the default is another one already: only then, that is allowed.
    pub rolled_back: Option<Vec<(u64, Ended)>>,
}

/// Lets the machine go on by itself; returns what is wrong with that.
pub fn goes_on(machine: &Machine, left: &Left, expected: &Expected, story: &Story) -> Vec<String> {
    let state = parsed(left);
    let before = parsed(&story.marks[0].left);
    let attempts = |state: &Value| state["attempts"].as_array().map_or(0, Vec::len);
    let is_good = known_good(&state).contains(&expected.updated);
    let boots = match (left.default == expected.updated, &expected.rolled_back) {
        (false, Some(boots)) => boots,
        (false, None) => return vec!["the default is another one".to_owned()],
        (true, _) if !is_good && attempts(&state) > 0 => &expected.died,
        (true, _) => &expected.begin_again,
    };
    let (went, last) = match machine.run_to_end(boots.len() + 1) {
        Ok(ended) => ended,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut wrong = Vec::new();
    if course(&went) != *boots {
        wrong.push(format!("{:?} instead of {boots:?}", course(&went)));
    }
    let status = last.status().unwrap();
    let ends_in = boots.last().map(|(number, _)| *number);
    if status.verdict() != ("healthy", "none") || last.snapshot() != ends_in {
        wrong.push(format!(
            "it ended in {:?}, {:?}",
            last.snapshot(),
            status.verdict()
        ));
    }
    // What was good before still is, and what was booted last.
    let good = status.known_good();
    let mut wanted = known_good(&before);
    wanted.extend(ends_in);
    if !wanted.iter().all(|number| good.contains(number)) || !good.contains(&expected.good) {
        wrong.push(format!("known good are {good:?}, not {wanted:?}"));
    }
    // One rollback, done once; one more attempt if the first one was cut off before the default was changed.
    let went_back = ends_in != Some(expected.updated);
    let begun = rollback(&state)["attempts"].as_u64().unwrap_or_default();
    let again = u64::from(left.default == expected.updated);
    let steps = match went_back {
        true => vec![("rollback", "done")],
        false => Vec::new(),
    };
    if status.steps() != steps {
        wrong.push(format!("the steps are {:?}", status.steps()));
    }
    if went_back && status.step("rollback")["attempts"] != begun + again {
        wrong.push(format!(
            "{begun} attempts before, now {:#}",
            status.step("rollback")
        ));
    }
    let warnings = &status.0["warnings"];
    if warnings.as_array().is_some_and(|list| !list.is_empty()) {
        wrong.push(format!("warnings: {warnings}"));
    }
    // This disk is thrown away.
    if let Err(error) = last.kill() {
        wrong.push(format!("{error:#}"));
    }
    wrong
}
