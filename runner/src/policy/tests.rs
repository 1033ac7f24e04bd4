//! The invariants of DESIGN over *all* facts, and over every course that a machine can take.

use super::*;

const JUDGED: [Judged; 3] = [Judged::Good, Judged::Bad, Judged::Unjudged];
const STEPS: [Step; 2] = [Step::Available, Step::Spent];
const RESTRAINTS: [Option<Restraint>; 7] = [
    None,
    Some(Restraint::CommandLine),
    Some(Restraint::Configuration),
    Some(Restraint::Container),
    Some(Restraint::NotASnapshot),
    Some(Restraint::NotDefault),
    Some(Restraint::JudgedBefore),
];

fn all() -> Vec<Facts> {
    let mut all = Vec::new();
    for judged in JUDGED {
        for restraint in RESTRAINTS {
            for standing in [Standing::New, Standing::KnownGood] {
                for record in [Record::Durable, Record::Impossible] {
                    for restart in STEPS {
                        for reboot in STEPS {
                            for rollback in STEPS {
                                all.push(Facts {
                                    judged,
                                    restraint,
                                    standing,
                                    record,
                                    restart,
                                    reboot,
                                    rollback,
                                });
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
        Decision::Restart | Decision::Reboot | Decision::Rollback | Decision::Stop => true,
        Decision::Commit | Decision::Report(_) => false,
    }
}

#[test]
fn i1_nothing_is_done_without_a_durable_intent_except_the_rollback_of_a_new_snapshot() {
    for facts in all()
        .iter()
        .filter(|facts| facts.record == Record::Impossible)
    {
        let decision = decide(facts);
        let exception = decision == Decision::Rollback && facts.standing == Standing::New;
        assert!(!acts(decision) || exception, "{facts:?} -> {decision:?}");
    }
}

#[test]
fn spent_steps_are_never_taken() {
    for facts in all() {
        let spent = match decide(&facts) {
            Decision::Restart => facts.restart,
            Decision::Reboot => facts.reboot,
            Decision::Rollback => facts.rollback,
            Decision::Commit | Decision::Report(_) | Decision::Stop => Step::Available,
        };
        assert_eq!(spent, Step::Available, "{facts:?}");
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
    for facts in all().iter().filter(|facts| facts.judged == Judged::Good) {
        let committed = decide(facts) == Decision::Commit;
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
fn services_are_restarted_only_on_a_known_good_snapshot() {
    for facts in all()
        .iter()
        .filter(|facts| decide(facts) == Decision::Restart)
    {
        assert_eq!(facts.standing, Standing::KnownGood);
    }
}

/// I2: plays every course of an incident: whichever standing each boot has, whatever the record does, with or
/// without a power cut in the middle. Steps are spent when they are taken; a rollback that a power cut
/// interrupted may be finished twice more (see `state::incident`).
#[test]
fn i2_the_number_of_automatic_reboots_is_bounded_whatever_happens() {
    fn reboots(standing: Standing, spent: [bool; 2], interrupted: u32, depth: u32) -> u32 {
        assert!(depth < 20, "the machine does not come to rest");
        let step = |spent| if spent { Step::Spent } else { Step::Available };
        let facts = Facts {
            judged: Judged::Bad,
            restraint: None,
            standing,
            record: Record::Durable,
            restart: Step::Spent,
            reboot: step(spent[0]),
            rollback: step(spent[1]),
        };
        let after = |spent, interrupted| {
            [Standing::New, Standing::KnownGood]
                .map(|next| 1 + reboots(next, spent, interrupted, depth + 1))
                .into_iter()
                .max()
                .unwrap()
        };
        match decide(&facts) {
            Decision::Reboot => after([true, spent[1]], interrupted),
            Decision::Rollback => {
                let done = after([spent[0], true], interrupted);
                let cut = if interrupted < 2 {
                    after(spent, interrupted + 1)
                } else {
                    0
                };
                done.max(cut)
            }
            Decision::Stop => 0,
            other => panic!("{other:?} of {facts:?}"),
        }
    }
    for standing in [Standing::New, Standing::KnownGood] {
        // One reboot, one rollback, and two power cuts in the middle of it.
        assert!(reboots(standing, [false, false], 0, 0) <= 4);
        // Without power cuts: two.
        assert!(reboots(standing, [false, false], 2, 0) <= 2);
    }
}

#[test]
fn the_ladder_of_a_known_good_snapshot_is_restart_reboot_rollback_stop() {
    let mut facts = Facts {
        judged: Judged::Bad,
        restraint: None,
        standing: Standing::KnownGood,
        record: Record::Durable,
        restart: Step::Available,
        reboot: Step::Available,
        rollback: Step::Available,
    };
    assert_eq!(decide(&facts), Decision::Restart);
    facts.restart = Step::Spent;
    assert_eq!(decide(&facts), Decision::Reboot);
    facts.reboot = Step::Spent;
    assert_eq!(decide(&facts), Decision::Rollback);
    facts.rollback = Step::Spent;
    assert_eq!(decide(&facts), Decision::Stop);
}
