//! Updates on trial: the boot loader boots them once.

use super::world::{Went, World};
use crate::model::deployment::Deployment;
use crate::model::finding::Next;
use crate::model::loader::{Look, Offer};

fn offer() -> Offer {
    Offer {
        entry: "snap-2.conf".to_owned(),
        good: "snap-1.conf".to_owned(),
        tries_left: Some(3),
    }
}

/// 1 is good and booted, 2 is the default of the next boot, and the boot loader could try it once.
fn planned(tries: u32) -> World {
    let world = World::with(&[1]);
    world.configure(&format!("[Escalation]\nTries={tries}\n"));
    world.disk.content().look.booted = Some("snap-1.conf".to_owned());
    assert_eq!(world.boot(&[]), Next::Healthy);
    {
        let mut content = world.disk.content();
        content.all.push(Deployment::numbered(2));
        content.next = Some(Deployment::numbered(2));
        content.offer = Some(offer());
        content.look = Look {
            booted: Some("snap-1.conf".to_owned()),
            default: Some("snap-2.conf".to_owned()),
            entries: vec![
                ("snap-1.conf".to_owned(), None),
                ("snap-2.conf".to_owned(), Some(3)),
            ],
            ..Look::default()
        };
    }
    world.shut_down();
    world
}

impl World {
    fn look(&self) -> Look {
        self.disk.content().look.clone()
    }

    /// The boot loader starts the entry on trial, which uses up one of its starts.
    fn tried(&mut self) {
        self.begin();
        let mut content = self.disk.content();
        content.look.one_shot = None;
        content.look.booted = Some("snap-2.conf".to_owned());
        let left = content.look.entries[1].1.map(|left| left - 1);
        content.look.entries[1].1 = left;
    }

    /// It died, and the boot loader goes on with the good one.
    fn goes_on(&mut self) {
        self.begin_with(1);
        self.disk.content().look.booted = Some("snap-1.conf".to_owned());
    }
}

#[test]
fn a_new_one_is_planned_at_the_shutdown_and_taken_when_it_is_healthy() {
    let mut world = planned(1);
    let trial = world.state().trial.unwrap();
    assert_eq!(
        (trial.entry.as_str(), trial.good.as_str()),
        ("snap-2.conf", "snap-1.conf")
    );
    assert_eq!(world.look().one_shot.as_deref(), Some("snap-2.conf"));
    assert_eq!(world.look().default.as_deref(), Some("snap-1.conf"));
    world.tried();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.look().default.as_deref(), Some("snap-2.conf"));
    let state = world.state();
    assert_eq!(state.trial, None);
    // What it is booted with, for a rollback that cannot look.
    let entry = state.entry_of(&Deployment::numbered(2));
    assert_eq!(entry, Some("snap-2.conf"));
}

#[test]
fn one_that_dies_is_gone_back_from() {
    let mut world = planned(1);
    world.tried();
    world.goes_on();
    world.done();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.done()[0], "snapshot 2 to snapshot 1 by snap-1.conf");
    let state = world.state();
    assert_eq!(state.bad[0].deployment, Deployment::numbered(2));
    assert_eq!((state.trial, world.next().as_str()), (None, "1"));
}

#[test]
fn one_that_dies_is_tried_again_where_tries_are_granted() {
    let mut world = planned(2);
    world.tried();
    world.goes_on();
    world.done();
    assert_eq!(world.arm(), Went::On);
    world.judge(&[]);
    assert_eq!(world.next(), "2");
    let trial = world.state().trial.unwrap();
    assert_eq!((trial.died, &trial.boot), (1, &world.key()));
    world.disk.content().offer.as_mut().unwrap().tries_left = Some(2);
    world.shut_down();
    world.tried();
    world.goes_on();
    assert_eq!(world.arm(), Went::On);
    world.judge(&[]);
    assert_eq!(world.next(), "1", "twice is enough");
}

#[test]
fn one_without_starts_left_is_not_tried_again() {
    let mut world = planned(2);
    world.tried();
    world.disk.content().look.entries[1].1 = Some(0);
    world.goes_on();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!((world.state().trial, world.next().as_str()), (None, "1"));
}

#[test]
fn a_boot_loader_that_could_not_be_told_is_told_by_the_next_boot() {
    let mut world = planned(1);
    world.tried();
    world.disk.content().is_deaf = true;
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert!(world.report().warnings[0].contains("goes on with 'snap-1.conf'"));
    assert!(world.state().trial.is_some());
    world.disk.content().is_deaf = false;
    world.goes_on();
    world.judge(&[]);
    assert_eq!(world.state().trial, None);
    assert_eq!(world.look().default.as_deref(), Some("snap-2.conf"));
    assert_eq!(
        (world.done(), world.next().as_str()),
        (
            vec![
                "snapshot 1 good, bad: []".to_owned(),
                "snapshot 2 good, bad: []".to_owned()
            ],
            "2"
        )
    );
}

#[test]
fn nothing_is_planned_where_it_could_not_be_gone_back_from() {
    let world = World::with(&[1]);
    world.disk.content().all.push(Deployment::numbered(2));
    world.disk.content().next = Some(Deployment::numbered(2));
    world.disk.content().offer = Some(offer());
    // 1 was never healthy.
    world.shut_down();
    assert_eq!((world.state().trial, world.look().one_shot), (None, None));
    // It is, but nobody knows what the administrator wants.
    world.disk.content().next = Some(Deployment::numbered(1));
    assert_eq!(world.boot(&[]), Next::Healthy);
    world.disk.content().next = Some(Deployment::numbered(2));
    world.configure("[Escalation]\nTries=many\n");
    world.shut_down();
    assert_eq!((world.state().trial, world.look().one_shot), (None, None));
}

#[test]
fn where_nothing_may_be_done_it_is_as_if_there_had_been_no_trial() {
    let mut world = planned(1);
    world.tried();
    world.kernel_line("health-checker.action=report");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    assert_eq!(world.state().trial, None);
    assert_eq!(world.look().default.as_deref(), Some("snap-2.conf"));
}

#[test]
fn one_that_was_shut_down_once_and_then_dies_is_gone_back_from() {
    let mut world = planned(1);
    world.tried();
    assert_eq!(world.arm(), Went::On);
    world.shut_down();
    assert_eq!(
        world.look().one_shot.as_deref(),
        Some("snap-2.conf"),
        "it goes on"
    );
    assert_eq!(world.state().trial.unwrap().tries_left, Some(2));
    world.tried();
    world.goes_on();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!((world.state().trial, world.next().as_str()), (None, "1"));
}

#[test]
fn a_trial_ends_also_where_the_boot_loader_does_not_learn_what_is_good() {
    let mut world = planned(1);
    world.tried();
    world.disk.content().is_forgetful = true;
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert!(world.report().warnings[0].contains("does not know that snapshot 2 is good"));
    assert_eq!(world.state().trial, None);
}

#[test]
fn what_somebody_went_back_from_is_not_booted_once_more() {
    let mut world = planned(1);
    world.disk.content().next = Some(Deployment::numbered(1));
    world.disk.content().offer = None;
    world.begin();
    world.shut_down();
    assert_eq!((world.state().trial, world.look().one_shot), (None, None));
}

#[test]
fn a_healthy_boot_ends_nobody_elses_trial() {
    let mut world = planned(1);
    world.disk.content().next = Some(Deployment::numbered(1));
    // The boot loader's partition cannot be read.
    world.disk.content().look.entries.clear();
    world.begin();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.look().default.as_deref(), Some("snap-1.conf"));
    assert!(world.state().trial.is_some());
}

#[test]
fn the_third_death_is_the_last_of_three_tries() {
    let mut world = planned(3);
    for died in 1..=3 {
        // Before it was counted: only the boot loader knows.
        world.tried();
        world.goes_on();
        world.arm();
        world.judge(&[]);
        let trial = world.state().trial;
        assert_eq!(trial.map(|trial| trial.died), (died < 3).then_some(died));
        world.disk.content().look.entries[1].1 = Some(3);
        world.shut_down();
    }
    assert_eq!(world.next(), "1");
}

#[test]
fn without_starts_left_a_shut_down_trial_does_not_go_on() {
    let mut world = planned(2);
    world.tried();
    world.disk.content().look.entries[1].1 = Some(0);
    world.arm();
    world.shut_down();
    assert_eq!(world.look().one_shot, None);
}

#[test]
fn one_that_was_shut_down_and_could_not_be_planned_again_has_not_died() {
    let mut world = planned(1);
    world.tried();
    assert_eq!(world.arm(), Went::On);
    let entries = std::mem::take(&mut world.disk.content().look.entries);
    world.shut_down();
    world.goes_on();
    world.disk.content().look.entries = entries;
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.next(), "2");
}

#[test]
fn looking_at_a_trial_changes_nothing() {
    let mut world = planned(2);
    world.tried();
    world.goes_on();
    let mut machine = world.machine();
    let before = machine.state.clone();
    machine.ask_boot_loader();
    machine.ask_boot_loader();
    assert_eq!(machine.state, before);
}

#[test]
fn one_that_fails_is_rolled_back_and_no_trial_any_more() {
    let mut world = planned(1);
    world.tried();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    assert_eq!((world.state().trial, world.next().as_str()), (None, "1"));
}

#[test]
fn whoever_decides_otherwise_ends_it() {
    let mut world = planned(1);
    world.disk.content().look.default = Some("snap-1-other.conf".to_owned());
    world.begin_with(1);
    world.judge(&[]);
    assert_eq!(world.state().trial, None);
}
