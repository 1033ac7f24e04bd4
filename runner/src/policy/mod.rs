//! The decision: one pure table from what is known to what is done. No files, no clock, no log, no bus.

use crate::model::facts::Action;

/// What the boot was judged to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Healthy or degraded: nothing required failed.
    Good,
    /// A required check did not pass.
    Bad,
    /// There is no verdict: the runner broke down.
    Unjudged,
}

/// A reason to do nothing but report, whatever the checks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restraint {
    /// `health-checker.action=report` or `health-checker-reboot=disabled` on the kernel command line.
    CommandLine,
    /// The configuration is broken: what the administrator wants is not known.
    Configuration,
    /// A container, and `[Boot] ActInContainer=yes` is not set.
    Container,
    /// This machine has nothing that could be gone back to.
    NothingToGoBackTo,
    /// The booted deployment is not the default one: somebody chose it in the boot menu.
    NotDefault,
    /// Users hold the system bus, so that this boot cannot be judged; no check has failed.
    BusHeld,
    /// This boot was judged before: somebody started the service again, perhaps after a repair.
    JudgedBefore,
}

/// What is known of the booted deployment from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was never healthy.
    New,
    /// It was healthy once.
    KnownGood,
}

/// Whether an intent can be made durable before it is carried out (invariant I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// State can be written.
    Durable,
    /// It cannot: `/var` is full, read-only, missing.
    Impossible,
}

/// Whether a step is on the ladder, and still there in this incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It may be taken (or finished, if a power cut came between its intent and its end).
    Available,
    /// It was taken in this incident, or cannot be taken at all, or the configuration does not have it.
    Spent,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The verdict.
    pub judged: Judged,
    /// Why only to report, if so.
    pub restraint: Option<Restraint>,
    /// The booted deployment.
    pub standing: Standing,
    /// The boot loader gave up on what was to be booted, and began this boot in its place.
    pub fell_back: bool,
    /// Whether intents can be written.
    pub record: Record,
    /// Restarting failing services and checking again.
    pub restart: Availability,
    /// A reboot into the same deployment: once, or as often as `Tries=` grants a new one. Spent as well once a
    /// rollback of this incident did not cure the same failing checks: then a reboot will not either.
    pub reboot: Availability,
    /// Going back to another deployment. Spent as well if no verified known good one is left to go to.
    pub rollback: Availability,
    /// Stopping services: available in every boot, if at all.
    pub stop: Availability,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Make the booted deployment the default: what the boot loader did for one boot becomes lasting. Then decide again.
    Stay,
    /// Record the deployment as known good; an open incident ends.
    Commit,
    /// Only say what was found.
    Report(Why),
    /// Take this step of the ladder.
    Act(Action),
}

/// Why nothing but a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Held back from outside.
    Restrained(Restraint),
    /// No intent can be written, and what is left of the ladder must not be done without.
    Unrecordable,
    /// No step is left that the configuration allows.
    LadderEnds,
}

/// The ladder of DESIGN as a table. What differs between a new and a known good deployment is which steps are
/// available: that is configuration.
///
/// A new deployment is rolled back even when its intent cannot be written (the update may have broken just
/// that): it limits itself, because afterwards a known good deployment is booted. Everything else that acts
/// needs its intent on disk first, and every step is there once in an incident (a reboot of a new deployment as often
/// as `Tries=` says), so that the number of automatic reboots between two healthy boots is bounded.
pub fn decide(facts: &Facts) -> Decision {
    use Action::{Reboot, Restart, Rollback, Stop};
    use Availability::{Available, Spent};
    use Judged::{Bad, Good, Unjudged};
    use Record::{Durable, Impossible};
    use Standing::{KnownGood, New};

    // Otherwise the next boot would begin with the bad one again. Not for one that may be bad itself.
    let worth_staying = facts.judged == Good || facts.standing == KnownGood;
    if facts.fell_back && facts.restraint.is_none() && worth_staying {
        return Decision::Stay;
    }
    let ladder = match (facts.judged, facts.restraint) {
        // These hold back actions; to remember a healthy boot is none.
        (Good, None | Some(Restraint::CommandLine | Restraint::JudgedBefore)) => {
            return Decision::Commit;
        }
        (Good | Bad | Unjudged, Some(restraint)) => {
            return Decision::Report(Why::Restrained(restraint));
        }
        (Bad | Unjudged, None) => (facts.restart, facts.reboot, facts.rollback, facts.stop),
    };
    match (facts.record, facts.standing, ladder) {
        // record,   standing,       (restart,   reboot,    rollback,  stop     )
        (Durable, New | KnownGood, (Available, _, _, _)) => Decision::Act(Restart),
        (Durable, New | KnownGood, (Spent, Available, _, _)) => Decision::Act(Reboot),
        (Durable, New | KnownGood, (Spent, Spent, Available, _)) => Decision::Act(Rollback),
        (Durable, New | KnownGood, (Spent, Spent, Spent, Available)) => Decision::Act(Stop),
        (Durable, New | KnownGood, (Spent, Spent, Spent, Spent)) => {
            Decision::Report(Why::LadderEnds)
        }
        (Impossible, New, (_, _, Available, _)) => Decision::Act(Rollback),
        (Impossible, New, (_, _, Spent, _)) => Decision::Report(Why::Unrecordable),
        (Impossible, KnownGood, (_, _, _, _)) => Decision::Report(Why::Unrecordable),
    }
}

#[cfg(test)]
mod tests;
