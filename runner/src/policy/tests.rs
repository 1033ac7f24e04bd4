//! The invariants of DESIGN over *all* facts, and over every course that a machine can take.

use super::*;

const JUDGED: [Judged; 3] = [Judged::Good, Judged::Bad, Judged::Unjudged];
const STANDINGS: [Standing; 2] = [Standing::New, Standing::KnownGood];
const STEPS: [Availability; 2] = [Availability::Available, Availability::Spent];
const RESTRAINTS: [Option<Restraint>; 8] = [
    None,
    Some(Restraint::CommandLine),
    Some(Restraint::Configuration),
    Some(Restraint::Container),
    Some(Restraint::NothingToGoBackTo),
    Some(Restraint::NotDefault),
    Some(Restraint::BusHeld),
    Some(Restraint::JudgedBefore),
];

fn all() -> Vec<Facts> {
    let mut all = Vec::new();
    for judged in JUDGED {
        for restraint in RESTRAINTS {
            for standing in STANDINGS {
                for record in [Record::Durable, Record::Impossible] {
                    for restart in STEPS {
                        for reboot in STEPS {
                            for rollback in STEPS {
                                for (stop, fell_back) in [
                                    (STEPS[0], false),
                                    (STEPS[1], false),
                                    (STEPS[0], true),
                                    (STEPS[1], true),
                                ] {
                                    all.push(Facts {
                                        judged,
                                        restraint,
                                        standing,
                                        fell_back,
                                        record,
                                        restart,
                                        reboot,
                                        rollback,
                                        stop,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

fn acts(decision: Decision) -> bool {
    match decision {
        Decision::Act(_) => true,
        Decision::Stay | Decision::Commit | Decision::Report(_) => false,
    }
}

#[test]
fn i1_nothing_is_done_without_a_durable_intent_except_the_rollback_of_a_new_snapshot() {
    for facts in all()
        .iter()
        .filter(|facts| facts.record == Record::Impossible)
    {
        let decision = decide(facts);
        let exception =
            decision == Decision::Act(Action::Rollback) && facts.standing == Standing::New;
        assert!(!acts(decision) || exception, "{facts:?} -> {decision:?}");
    }
}

#[test]
fn spent_steps_are_never_taken() {
    for facts in all() {
        let spent = match decide(&facts) {
            Decision::Act(Action::Restart) => facts.restart,
            Decision::Act(Action::Reboot) => facts.reboot,
            Decision::Act(Action::Rollback) => facts.rollback,
            Decision::Act(Action::Stop) => facts.stop,
            Decision::Act(Action::None) => panic!("that is no step: {facts:?}"),
            Decision::Stay | Decision::Commit | Decision::Report(_) => Availability::Available,
        };
        assert_eq!(spent, Availability::Available, "{facts:?}");
    }
}

#[test]
fn i5_i6_a_restraint_never_acts() {
    for facts in all().iter().filter(|facts| facts.restraint.is_some()) {
        assert!(!acts(decide(facts)), "{facts:?}");
    }
}

#[test]
fn only_a_good_boot_is_committed_and_a_good_boot_is_never_acted_on() {
    for facts in all() {
        let decision = decide(&facts);
        assert!(
            decision != Decision::Commit || facts.judged == Judged::Good,
            "{facts:?}"
        );
        assert!(facts.judged != Judged::Good || !acts(decision), "{facts:?}");
    }
    // A boot by hand, a container, an unknown configuration: not even remembered.
    let good = all()
        .into_iter()
        .filter(|facts| facts.judged == Judged::Good);
    for facts in good.filter(|facts| decide(facts) != Decision::Stay) {
        let committed = decide(&facts) == Decision::Commit;
        assert_eq!(
            committed,
            matches!(
                facts.restraint,
                None | Some(Restraint::CommandLine | Restraint::JudgedBefore)
            ),
            "{facts:?}"
        );
    }
}

#[test]
fn a_fall_back_becomes_lasting_where_it_may_and_where_it_is_worth_it() {
    for facts in all() {
        let good = facts.judged == Judged::Good || facts.standing == Standing::KnownGood;
        let stays = facts.fell_back && facts.restraint.is_none() && good;
        let decision = decide(&facts);
        assert_eq!(decision == Decision::Stay, stays, "{facts:?}");
        // Then it is decided as if nothing had been.
        let then = Facts {
            fell_back: false,
            ..facts
        };
        assert!(stays || decision == decide(&then), "{facts:?}");
    }
}

#[test]
fn a_missing_verdict_is_decided_like_a_bad_one() {
    for facts in all()
        .iter()
        .filter(|facts| facts.judged == Judged::Unjudged)
    {
        assert_eq!(
            decide(facts),
            decide(&Facts {
                judged: Judged::Bad,
                ..*facts
            })
        );
    }
}

#[test]
fn with_no_step_left_there_is_only_a_report() {
    let facts = Facts {
        judged: Judged::Bad,
        restraint: None,
        fell_back: false,
        standing: Standing::New,
        record: Record::Durable,
        restart: Availability::Spent,
        reboot: Availability::Spent,
        rollback: Availability::Spent,
        stop: Availability::Spent,
    };
    for standing in STANDINGS {
        let facts = Facts { standing, ..facts };
        assert_eq!(decide(&facts), Decision::Report(Why::LadderEnds));
    }
    for facts in all() {
        let steps = [facts.restart, facts.reboot, facts.rollback, facts.stop];
        if decide(&facts) == Decision::Report(Why::LadderEnds) {
            assert_eq!(steps, [Availability::Spent; 4], "{facts:?}");
        }
    }
}

#[test]
fn steps_are_taken_in_the_order_of_the_ladder() {
    let order = [
        Decision::Act(Action::Restart),
        Decision::Act(Action::Reboot),
        Decision::Act(Action::Rollback),
        Decision::Act(Action::Stop),
    ];
    for facts in all()
        .iter()
        .filter(|facts| facts.judged != Judged::Good && facts.restraint.is_none())
        .filter(|facts| facts.record == Record::Durable)
        .filter(|facts| decide(facts) != Decision::Stay)
    {
        let steps = [facts.restart, facts.reboot, facts.rollback, facts.stop];
        let first = steps
            .iter()
            .position(|step| *step == Availability::Available);
        let expected = first.map_or(Decision::Report(Why::LadderEnds), |first| order[first]);
        assert_eq!(decide(facts), expected, "{facts:?}");
    }
}

/// The ladders that the configuration allows: any part of restart, reboot, rollback, stop.
fn ladders() -> impl Iterator<Item = [bool; 4]> {
    (0..16).map(|bits: u8| [1, 2, 4, 8].map(|bit| bits & bit != 0))
}

/// An incident as `machine` and `state::incident` keep account of it.
#[derive(Clone, Copy)]
struct Course {
    /// Of a new and of a known good deployment.
    ladders: [[bool; 4]; 2],
    tries: u32,
    /// Steps taken.
    restarted: bool,
    rebooted: bool,
    rolled_back: bool,
    /// Failed boots of the new deployment.
    failed: u32,
    /// Power cuts in the middle of a rollback that are still to come. A rollback is tried three times.
    cuts: u32,
}

impl Course {
    fn facts(&self, standing: Standing) -> Facts {
        let ladder = match standing {
            Standing::New => self.ladders[0],
            Standing::KnownGood => self.ladders[1],
        };
        let step = |there| {
            if there {
                Availability::Available
            } else {
                Availability::Spent
            }
        };
        let rollback = ladder[2] && !self.rolled_back;
        let granted = standing == Standing::New && self.failed + 1 < self.tries && rollback;
        Facts {
            judged: Judged::Bad,
            restraint: None,
            fell_back: false,
            standing,
            record: Record::Durable,
            restart: step(ladder[0] && !self.restarted),
            reboot: step((ladder[1] && !self.rebooted) || granted),
            rollback: step(rollback),
            stop: step(ladder[3]),
        }
    }

    /// The most reboots that there can be from here on. A new deployment stays new, or a rollback leads to a known good
    /// one; what is known good stays so.
    fn reboots(mut self, standing: Standing, depth: u32) -> u32 {
        assert!(depth < 40, "the machine does not come to rest");
        match decide(&self.facts(standing)) {
            Decision::Act(Action::Restart) => {
                self.restarted = true;
                self.reboots(standing, depth + 1)
            }
            Decision::Act(Action::Reboot) => {
                self.rebooted = true;
                self.failed += u32::from(standing == Standing::New);
                1 + self.reboots(standing, depth + 1)
            }
            Decision::Act(Action::Rollback) => {
                let cut = match self.cuts {
                    0 => 0,
                    cuts => {
                        let mut course = self;
                        course.cuts = cuts - 1;
                        course.failed += u32::from(standing == Standing::New);
                        1 + course.reboots(standing, depth + 1)
                    }
                };
                self.rolled_back = true;
                cut.max(1 + self.reboots(Standing::KnownGood, depth + 1))
            }
            Decision::Act(Action::Stop) | Decision::Report(Why::LadderEnds) => 0,
            other => panic!("{other:?}"),
        }
    }
}

/// I2: plays every course of an incident with every pair of ladders: with or without power cuts in the middle.
#[test]
fn i2_the_number_of_automatic_reboots_is_bounded_by_the_configuration_whatever_happens() {
    for new in ladders() {
        for known_good in ladders() {
            for tries in 1..=10 {
                for cuts in 0..=2 {
                    let course = Course {
                        ladders: [new, known_good],
                        tries,
                        restarted: false,
                        rebooted: false,
                        rolled_back: false,
                        failed: 0,
                        cuts,
                    };
                    let context = format!("{new:?} {known_good:?} {tries} {cuts}");
                    // One reboot, one rollback, and the power cuts in the middle of it.
                    let most = course.reboots(Standing::KnownGood, 0);
                    let allowed = u32::from(known_good[1]) + u32::from(known_good[2]) * (1 + cuts);
                    assert!(most <= allowed, "{context}");
                    let most = course.reboots(Standing::New, 0);
                    let tries = if new[2] { tries - 1 } else { 0 };
                    let rollbacks = u32::from(new[2] || known_good[2]) * (1 + cuts);
                    let reboots = tries.max(u32::from(new[1])) + u32::from(known_good[1]);
                    assert!(most <= reboots + rollbacks, "{context}: {most}");
                }
            }
        }
    }
}

/// As it is without a configuration.
#[test]
fn the_default_ladders() {
    let mut course = Course {
        ladders: [[false, false, true, true], [true; 4]],
        tries: 1,
        restarted: false,
        rebooted: false,
        rolled_back: false,
        failed: 0,
        cuts: 0,
    };
    let decision = |course: &Course, standing| decide(&course.facts(standing));
    assert_eq!(
        decision(&course, Standing::New),
        Decision::Act(Action::Rollback)
    );
    assert_eq!(
        decision(&course, Standing::KnownGood),
        Decision::Act(Action::Restart)
    );
    course.restarted = true;
    assert_eq!(
        decision(&course, Standing::KnownGood),
        Decision::Act(Action::Reboot)
    );
    course.rebooted = true;
    assert_eq!(
        decision(&course, Standing::KnownGood),
        Decision::Act(Action::Rollback)
    );
    course.rolled_back = true;
    assert_eq!(
        decision(&course, Standing::KnownGood),
        Decision::Act(Action::Stop)
    );
    assert_eq!(
        decision(&course, Standing::New),
        Decision::Act(Action::Stop)
    );
}
