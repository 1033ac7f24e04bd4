//! The ladder, boots that die, and boots that the boot loader chose.

use health_checks::Found;

use super::world::{Went, World, finding};
use crate::course::Course;
use crate::machine::Machine;
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, Verdict};
use crate::model::finding::{Finding, Next, Stage};
use crate::model::report::Report;
use crate::model::run_files::Settled;
use crate::services::arm;
use crate::state::KnownCheck;
use crate::state::incident::Progress;
use crate::state::runtime;

/// Judges a machine as it is.
pub fn follow(machine: &mut Machine, failed: &[&str]) -> Next {
    let restraint = machine.restraint();
    let mut course = Course {
        machine,
        manager: None,
        found: &Found::default(),
        restraint,
        stage: Stage::System,
    };
    course.follow(&finding(failed)).unwrap()
}

impl World {
    /// What this boot was found to be.
    pub fn report(&self) -> Report {
        runtime::read(&self.root(), runtime::REPORT).unwrap()
    }

    /// A boot that dies after it was armed. Whether it came so far.
    fn dies(&mut self) -> Went {
        let went = self.arm();
        self.begin();
        went
    }
}

#[test]
fn a_healthy_boot_is_recorded_everywhere_and_the_oldest_is_released() {
    let world = World::updated(&[1, 2, 3, 4]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    let state = world.state();
    let names: Vec<&str> = state
        .known_good
        .iter()
        .map(|known| known.deployment.name())
        .collect();
    assert_eq!(names, ["4", "3", "2"]);
    assert_eq!(state.history[0].verdict, Verdict::Healthy);
    assert!(state.attempts.is_empty(), "it is judged");
    let content = world.disk.content();
    let names = |all: &[Deployment]| {
        all.iter()
            .map(|all| all.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&content.marked), ["4", "3", "2"]);
    assert_eq!(names(&content.rescue), ["4", "3", "2"]);
}

#[test]
fn a_good_one_is_restarted_rebooted_and_then_goes_back() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    world.begin();
    world.configure("[Escalation]\nKnownGoodSnapshot=restart reboot rollback stop\n");
    // Restarted first, in the same boot.
    world.arm();
    let mut machine = world.machine();
    assert_eq!(follow(&mut machine, &["web"]), Next::RestartServices);
    assert_eq!(world.went(), Went::On);
    assert_eq!(follow(&mut machine, &["web"]), Next::Rebooting);
    assert_eq!(world.went(), Went::Reboots);
    world.begin();
    assert_eq!(world.fails_always(&["web"]), ["2", "1"]);
    let incident = world.state().incident.unwrap();
    let steps: Vec<Action> = incident.steps.iter().map(|step| step.action).collect();
    assert_eq!(
        steps,
        [
            Action::Restart,
            Action::Reboot,
            Action::Rollback,
            Action::Stop
        ]
    );
    assert_eq!(
        incident.step(Action::Reboot).unwrap().progress,
        Progress::Done
    );
}

#[test]
fn what_the_rollback_does_not_cure_is_not_rebooted_again() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.fails_always(&["web"]), ["2", "1"]);
    // Another failure is another matter: there a reboot may help.
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    world.begin();
    assert_eq!(world.fails_always(&["disk"]), ["1", "1"]);
}

#[test]
fn tries_count_boots_that_failed_and_boots_that_died() {
    for (tries, course) in [
        (2, "fail die"),
        (2, "die fail"),
        (3, "fail die fail"),
        (3, "die die die"),
    ] {
        let mut world = World::updated(&[1, 2]);
        world.configure(&format!("[Escalation]\nTries={tries}\n"));
        for end in course.split(' ') {
            assert_eq!(
                (world.booted.name(), world.next().as_str()),
                ("2", "2"),
                "{course}"
            );
            match end {
                "die" => assert_eq!(world.dies(), Went::On, "{course}"),
                _ => {
                    assert_eq!(world.boot(&["web"]), Next::Rebooting, "{course}");
                    world.begin();
                }
            }
        }
        // A boot that died is known by the next one only, which goes back at once.
        if world.booted.name() == "2" {
            assert_eq!(world.arm(), Went::Reboots, "{course}");
            world.begin();
        }
        assert_eq!(world.booted.name(), "1", "{course}");
    }
}

#[test]
fn an_orderly_shutdown_before_the_verdict_is_no_death_until_it_is_a_habit() {
    let mut world = World::updated(&[1, 2]);
    let mut last = world.key();
    for _ in 0..5 {
        last = world.key();
        assert_eq!(world.arm(), Went::On);
        world.shut_down();
        world.begin();
    }
    assert_eq!(world.arm(), Went::Reboots);
    assert_eq!(world.next(), "1");
    let failed = &world.state().incident.unwrap().failed[0];
    // Where to look is the last of them, not this boot.
    assert_ne!(failed.boot, world.key());
    assert_eq!(failed.boot, last);
    assert!(
        failed.message.contains("shut down 5 times"),
        "{}",
        failed.message
    );
}

#[test]
fn a_boot_that_failed_did_not_die() {
    let mut world = World::updated(&[1, 2]);
    world.disk.content().is_stuck = true;
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    world.disk.content().is_stuck = false;
    world.begin();
    world.done();
    assert_eq!(world.arm(), Went::On, "somebody may have repaired it");
    assert_eq!(world.done(), [""; 0]);
}

#[test]
fn a_degraded_boot_counts_as_healthy() {
    let world = World::updated(&[1, 2]);
    world.arm();
    let degraded = Finding {
        verdict: Verdict::Degraded,
        ..finding(&["disk"])
    };
    assert_eq!(world.judge_as(&degraded), Next::Healthy);
    assert!(world.state().is_known_good(&Deployment::numbered(2)));
}

#[test]
fn the_checks_of_a_healthy_boot_are_those_that_it_had() {
    let world = World::updated(&[1, 2]);
    let old = KnownCheck {
        name: "old".to_owned(),
        unit: "health-check@old.service".to_owned(),
        source: "/usr/libexec/health-checker/old".to_owned(),
        mount: "/".to_owned(),
    };
    world.with_state(|state| state.checks.push(old));
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.state().checks, []);
}

#[test]
fn whether_a_good_boot_settled_is_recorded() {
    for settled in [true, false] {
        let world = World::updated(&[1, 2]);
        let text = serde_json::to_string(&Settled {
            boot: world.key(),
            settled,
            ..Settled::default()
        });
        world.write("/run/health-checker/settled.json", &text.unwrap());
        assert_eq!(world.boot(&[]), Next::Healthy);
        assert_eq!(world.state().known_good[0].settled, settled);
    }
}

#[test]
fn what_the_configuration_does_not_have_is_not_done() {
    let world = World::updated(&[1, 2]);
    world.configure("[Escalation]\nNewSnapshot=stop\n");
    world.done();
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
    let steps = world.state().incident.unwrap().steps;
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].action, Action::Stop);
}

#[test]
fn a_container_is_left_alone_unless_it_is_allowed() {
    for (allowed, next) in [("no", "2"), ("yes", "1")] {
        let world = World::updated(&[1, 2]);
        world.configure(&format!("[Boot]\nActInContainer={allowed}\n"));
        world.write("/run/systemd/container", "systemd-nspawn");
        let before = world.state();
        world.disk.content().judged = 0;
        world.boot(&["web"]);
        assert_eq!(world.next(), next, "{allowed}");
        if allowed == "no" {
            world.judge(&[]);
            assert_eq!(world.disk.content().judged, 0, "the loader is the host's");
            assert_eq!(world.state(), before, "it may be that of the host");
        }
    }
}

#[test]
fn a_boot_that_nobody_wants_judged_did_not_die() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.arm(), Went::On);
    arm::forget(&world.root()).unwrap();
    world.begin();
    assert_eq!(world.arm(), Went::On);
    assert_eq!(world.state().attempts.len(), 1);
}

#[test]
fn after_a_soft_reboot_it_is_judged_again() {
    let mut world = World::updated(&[1, 2]);
    world.configure("[Escalation]\nNewSnapshot=stop\n");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    world.configure("");
    world.soft_reboot();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
}

#[test]
fn a_good_one_must_die_three_times() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    for _ in 0..3 {
        world.begin();
        assert_eq!(world.arm(), Went::On);
    }
    world.begin();
    world.disk.content().judged = 0;
    assert_eq!(world.arm(), Went::Reboots);
    assert_eq!(world.next(), "1");
    // Early in a boot nothing is judged: it may still be.
    assert_eq!(world.disk.content().judged, 0);
    let state = world.state();
    let died = state
        .history
        .iter()
        .filter(|boot| boot.verdict == Verdict::Unknown);
    assert_eq!(died.filter(|boot| boot.action == Action::None).count(), 3);
}

#[test]
fn half_a_rollback_is_finished_by_the_next_boot() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    // The boot loader did not hear of it: the bad one again, though the default is the good one.
    world.rollback_is_interrupted();
    world.begin_with(2);
    assert_eq!(world.arm(), Went::Reboots);
    let attempts = |world: &World| world.state().incident.unwrap().steps[0].attempts;
    assert_eq!(attempts(&world), 2);
    // Not for ever: three times in all.
    for left in [Went::Reboots, Went::On] {
        world.rollback_is_interrupted();
        world.begin_with(2);
        assert_eq!(world.arm(), left);
    }
    assert_eq!(attempts(&world), 3);
}

#[test]
fn a_boot_by_hand_finishes_nobody_elses_rollback() {
    let mut world = World::updated(&[1, 2, 3]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    world.rollback_is_interrupted();
    world.begin_with(1);
    world.done();
    assert_eq!(world.arm(), Went::On);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
}

#[test]
fn a_broken_configuration_and_a_second_verdict_do_nothing() {
    let world = World::updated(&[1, 2]);
    world.done();
    world.configure("[Escalation]\nTries=many\n");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    assert_eq!((world.done(), world.next()), (vec![], "2".to_owned()));
    // Somebody starts the service again, perhaps in the middle of a repair.
    let world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&[]), Next::Healthy);
    world.done();
    assert_eq!(world.judge(&["web"]), Next::Unhealthy);
    assert_eq!((world.done(), world.went()), (vec![], Went::On));
}

#[test]
fn tries_are_granted_only_where_one_could_go_back_instead() {
    let world = World::with(&[1]);
    world.configure("[Escalation]\nTries=3\n");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
    let incident = world.state().incident.unwrap();
    let steps: Vec<Action> = incident.steps.iter().map(|step| step.action).collect();
    assert!(!steps.contains(&Action::Reboot), "{steps:?}");
    let world = World::updated(&[1, 2]);
    world.configure("[Escalation]\nTries=3\nNewSnapshot=stop\n");
    assert_eq!(world.boot(&["web"]), Next::Unhealthy);
}

#[test]
fn what_is_healthy_again_is_not_called_bad() {
    let mut world = World::updated(&[1, 2]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    // Somebody repaired it, and did not wait for the other one.
    world.update_to(&Deployment::numbered(2));
    world.done();
    assert_eq!(world.boot(&[]), Next::Healthy);
    assert_eq!(world.done(), ["snapshot 2 good, bad: []"]);
    assert_eq!(world.state().bad, []);
}

#[test]
fn an_interrupted_rollback_goes_elsewhere_where_its_target_is_gone() {
    let mut world = World::updated(&[1, 2, 3]);
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    world.rollback_is_interrupted();
    world.disk.content().all.retain(|all| all.name() != "2");
    world.update_to(&Deployment::numbered(3));
    world.done();
    assert_eq!(world.boot(&["web"]), Next::Rebooting);
    assert_eq!(world.done(), ["snapshot 3 to snapshot 1"]);
}

#[test]
fn without_anything_to_go_back_to_it_is_only_reported() {
    let world = World::with(&[1]);
    let mut machine = Machine::with(&world.root(), world.key(), Vec::new(), Ok(None));
    assert_eq!(follow(&mut machine, &["web"]), Next::Unhealthy);
    assert!(
        world.report().why.contains("nothing to go back to"),
        "{}",
        world.report().why
    );
    let mut machine = Machine::with(&world.root(), world.key(), Vec::new(), Ok(None));
    machine.judged_before = false;
    assert!(machine.state.open_incident().is_some());
    assert_eq!(follow(&mut machine, &[]), Next::Healthy);
    let incident = world.state().incident.unwrap();
    assert!(!incident.is_open() && incident.failed.len() == 1);
    assert_eq!(world.went(), Went::On);
}
