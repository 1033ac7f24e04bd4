//! From a machine and what is known of it to what may be done: which steps are spent, where a rollback would go to.

use health_checks::Mode;
use health_checks::config::{Ladder, Rung};

use crate::machine::Machine;
use crate::model::deployment::{Deployment, Exists};
use crate::model::facts::{Outcome, Verdict};
use crate::model::finding::{Finding, Stage};
use crate::policy::{Availability, Facts, Judged, Record, Restraint, Standing};

impl Machine {
    /// All that is to be decided by.
    pub fn facts(
        &self,
        finding: &Finding,
        stage: Stage,
        restraint: Option<Restraint>,
        record: Record,
    ) -> Facts {
        let incident = self.state.open_incident();
        let standing = self.standing();
        let ladder = self.ladder(standing);
        let on_ladder = |rung, step| match ladder.has(rung) {
            true => step,
            false => Availability::Spent,
        };
        let restart = incident.map_or(Availability::Available, |incident| incident.restart());
        Facts {
            judged: match finding.verdict {
                Verdict::Healthy | Verdict::Degraded => Judged::Good,
                Verdict::Unhealthy => Judged::Bad,
                Verdict::Pending | Verdict::Unknown => Judged::Unjudged,
            },
            restraint,
            standing,
            fell_back: self.fallen_from.is_some(),
            record,
            // Without a verdict there is nothing that could be judged again.
            restart: match finding.verdict {
                Verdict::Pending | Verdict::Unknown => Availability::Spent,
                _ => on_ladder(Rung::Restart, restart),
            },
            // Early, there was just one, and there is nothing to stop yet.
            reboot: match stage {
                Stage::Early => Availability::Spent,
                Stage::NoBus | Stage::System => self.reboot(&finding.checks),
            },
            rollback: on_ladder(Rung::Rollback, self.rollback()),
            stop: match stage {
                Stage::Early => Availability::Spent,
                Stage::NoBus | Stage::System => on_ladder(Rung::Stop, Availability::Available),
            },
        }
    }

    /// Where a rollback was going to that got as far as the default subvolume when the power failed: the boot loader was
    /// not told, and booted the bad deployment once more. It is to be finished, a bounded number of times.
    pub fn half_rolled_back(&self) -> Option<Deployment> {
        let (incident, booted) = (self.state.open_incident()?, self.booted()?);
        let target = incident.interrupted_target()?;
        let is_half = Some(target) == self.next.as_ref()
            && target != booted
            && incident.has_failed(booted)
            && incident.rollback(&self.boot) == Availability::Available;
        is_half.then(|| target.clone())
    }

    /// Whether a rollback that was begun leads to where we are: the boot loader had fallen back to it.
    pub fn is_to_stay(&self) -> bool {
        let incident = self.state.open_incident();
        let target = incident.and_then(|incident| incident.interrupted_target());
        target.is_some() && target == self.booted()
    }

    /// What is known of the booted deployment from before.
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

    /// What may be done where a deployment of this standing fails.
    pub fn ladder(&self, standing: Standing) -> &Ladder {
        match standing {
            Standing::New => &self.config.escalation.new,
            Standing::KnownGood => &self.config.escalation.known_good,
        }
    }

    /// Why only to report, the strongest reason first.
    pub fn restraint(&self) -> Option<Restraint> {
        let reasons = [
            (self.deployments.is_none(), Restraint::NothingToGoBackTo),
            (
                self.in_container && !self.config.boot.act_in_container,
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
            (self.judged_before, Restraint::JudgedBefore),
        ];
        reasons
            .into_iter()
            .find_map(|(applies, restraint)| applies.then_some(restraint))
    }

    /// Where a rollback would go to: what an interrupted one was on its way to, else the newest good one.
    pub fn rollback_target(&self) -> Option<Deployment> {
        let booted = self.booted()?;
        let exists = |deployment: &Deployment| self.exists(deployment);
        let interrupted = self
            .state
            .open_incident()
            .and_then(|incident| incident.interrupted_target());
        interrupted
            .filter(|target| *target != booted && exists(target) == Exists::Yes)
            .cloned()
            .or_else(|| self.state.rollback_target(booted, &exists))
    }

    /// Whether a reboot is still there. `Tries=` may grant a new deployment more than one, for as long as it could be
    /// rolled back instead.
    pub fn reboot(&self, failing: &[Outcome]) -> Availability {
        let standing = self.standing();
        let incident = self.state.open_incident();
        let once = incident.map_or(Availability::Available, |incident| incident.reboot(failing));
        if self.ladder(standing).has(Rung::Reboot) && once == Availability::Available {
            return Availability::Available;
        }
        let (Standing::New, Some(booted)) = (standing, self.booted()) else {
            return Availability::Spent;
        };
        // This boot is one more.
        let granted =
            self.state.spent_boots(booted, &self.boot) + 1 < self.config.escalation.tries as usize;
        let instead =
            self.ladder(standing).has(Rung::Rollback) && self.rollback() == Availability::Available;
        if granted && instead {
            Availability::Available
        } else {
            Availability::Spent
        }
    }

    /// Whether a rollback is still there.
    pub fn rollback(&self) -> Availability {
        let taken = self
            .state
            .open_incident()
            .map_or(Availability::Available, |incident| {
                incident.rollback(&self.boot)
            });
        match taken {
            Availability::Available if self.rollback_target().is_some() => Availability::Available,
            Availability::Available | Availability::Spent => Availability::Spent,
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
        Restraint::NothingToGoBackTo => {
            "there is nothing to go back to: this system was not booted from a snapshot"
        }
        Restraint::NotDefault => {
            "what is booted is not the default (somebody chose it in the boot menu)"
        }
        Restraint::BusHeld => {
            "no check has failed, and users hold all connections of the system bus: see who does with 'ss -xp', then 'systemctl restart health-checker'"
        }
        Restraint::JudgedBefore => "this boot was judged before",
    }
}
