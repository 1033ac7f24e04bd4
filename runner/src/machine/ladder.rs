//! From a machine and what is known of it to what may be done: which steps are spent, where a rollback would go to.

use health_checks::Mode;
use health_checks::config::{Ladder, Rung};

use crate::machine::Machine;
use crate::model::facts::{Outcome, SnapshotId};
use crate::model::report::Report;
use crate::policy::{Restraint, Standing, Step};
use crate::state::runtime;
use crate::sys::boot;

impl Machine {
    /// Where a rollback was going to that got as far as the default subvolume when the power failed: the boot loader was
    /// not told, and booted the bad snapshot once more. It is to be finished, a bounded number of times.
    pub fn half_rolled_back(&self) -> Option<SnapshotId> {
        let (incident, booted) = (self.state.open_incident()?, self.booted()?);
        let target = incident.interrupted_target()?;
        let is_half = Some(target.id) == self.default_id
            && target != booted
            && incident.has_failed(booted)
            && incident.rollback(&self.boot) == Step::Available;
        is_half.then(|| target.clone())
    }

    /// What is known of the booted snapshot from before.
    pub fn standing(&self) -> Standing {
        if self
            .booted()
            .is_some_and(|booted| self.state.is_known_good(booted))
        {
            Standing::KnownGood
        } else {
            Standing::New
        }
    }

    /// What may be done where a snapshot of this standing fails.
    pub fn ladder(&self, standing: Standing) -> &Ladder {
        match standing {
            Standing::New => &self.config.escalation.new,
            Standing::KnownGood => &self.config.escalation.known_good,
        }
    }

    /// Why only to report, the strongest reason first.
    pub fn restraint(&self) -> Option<Restraint> {
        let judged_before = runtime::read::<Report>(&self.root, runtime::REPORT)
            .is_some_and(|report| report.boot == self.boot);
        let reasons = [
            (self.snapshots.is_none(), Restraint::NotASnapshot),
            (
                boot::in_container(&self.root) && !self.config.boot.act_in_container,
                Restraint::Container,
            ),
            (
                !self.is_default()
                    && self.fallen_from.is_none()
                    && self.half_rolled_back().is_none(),
                Restraint::NotDefault,
            ),
            (!self.config.errors.is_empty(), Restraint::Configuration),
            (self.mode == Mode::Report, Restraint::CommandLine),
            (judged_before, Restraint::JudgedBefore),
        ];
        reasons
            .into_iter()
            .find_map(|(applies, restraint)| applies.then_some(restraint))
    }

    /// Where a rollback would go to: what an interrupted one was on its way to, else the newest good one.
    pub fn rollback_target(&self) -> Option<SnapshotId> {
        let snapshots = self.snapshots.as_ref()?;
        let exists = |snapshot: &SnapshotId| snapshots.exists(snapshot);
        let interrupted = self
            .state
            .open_incident()
            .and_then(|incident| incident.interrupted_target());
        interrupted
            .filter(|target| *target != snapshots.booted() && exists(target))
            .cloned()
            .or_else(|| self.state.rollback_target(snapshots.booted(), &exists))
    }

    /// Whether a reboot is still there. `Tries=` may grant a new snapshot more than one, for as long as it could be
    /// rolled back instead.
    pub fn reboot(&self, failing: &[Outcome]) -> Step {
        let standing = self.standing();
        let incident = self.state.open_incident();
        let once = incident.map_or(Step::Available, |incident| incident.reboot(failing));
        if self.ladder(standing).has(Rung::Reboot) && once == Step::Available {
            return Step::Available;
        }
        let (Standing::New, Some(booted)) = (standing, self.booted()) else {
            return Step::Spent;
        };
        // This boot is one more.
        let granted =
            self.state.spent_boots(booted, &self.boot) + 1 < self.config.escalation.tries as usize;
        let instead =
            self.ladder(standing).has(Rung::Rollback) && self.rollback() == Step::Available;
        if granted && instead {
            Step::Available
        } else {
            Step::Spent
        }
    }

    /// Whether a rollback is still there.
    pub fn rollback(&self) -> Step {
        let taken = self
            .state
            .open_incident()
            .map_or(Step::Available, |incident| incident.rollback(&self.boot));
        match taken {
            Step::Available if self.rollback_target().is_some() => Step::Available,
            Step::Available | Step::Spent => Step::Spent,
        }
    }
}

/// In words, for logs and reports.
pub fn explain(restraint: Restraint) -> &'static str {
    match restraint {
        Restraint::CommandLine => "the kernel command line says to report only",
        Restraint::Configuration => {
            "the configuration is broken, and nothing is done before it is repaired: see 'health-checker status'"
        }
        Restraint::Container => {
            "this is a container, and '[Boot] ActInContainer=yes' is not set in health-checker.conf"
        }
        Restraint::NotASnapshot => {
            "this system was not booted from a snapshot, so there is nothing to roll back to"
        }
        Restraint::NotDefault => {
            "the booted snapshot is not the default one (somebody chose it in the boot menu)"
        }
        Restraint::BusHeld => {
            "no check has failed, and users hold all connections of the system bus: see who does with 'ss -xp', then 'systemctl restart health-checker'"
        }
        Restraint::JudgedBefore => "this boot was judged before",
    }
}
