//! A boot that the boot loader began because it had given up on the default deployment: what it did for one boot becomes
//! lasting, as a rollback like any other. Otherwise the next boot would begin with the bad deployment again.

use super::Course;
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, CheckResult};
use crate::model::text::count;
use crate::model::units::ARM;
use crate::state::attempts::Ending;
use crate::state::incident::FailedCheck;
use crate::sys::{journal, messages};

impl Course<'_> {
    /// Makes the booted deployment the default.
    pub(super) fn stay(&mut self) {
        let (Some(from), Some(booted)) = (
            self.machine.fallen_from.take(),
            self.machine.booted().cloned(),
        ) else {
            return;
        };
        log::error!(MESSAGE_ID = messages::FELL_BACK, SNAPSHOT = from.name(); "the boot loader gave up on {from} and booted {booted}, which becomes the default");
        self.record_fall(&from, &booted);
        // The intent, as for each rollback; from a deployment that was never healthy also without one.
        if !self.save() && self.machine.state.is_known_good(&from) {
            log::error!(
                "it does not: that cannot be written down, so the next boot begins with {from} again"
            );
            return;
        }
        self.roll_back(&from, &booted);
        let deployments = self.machine.deployments.as_ref();
        self.machine.next = deployments.and_then(|all| all.next().ok()?);
    }

    fn record_fall(&mut self, from: &Deployment, booted: &Deployment) {
        let boot = self.machine.boot.clone();
        let state = &mut self.machine.state;
        let died = state.unjudged(from, &boot, Ending::None);
        state.note_died(from, &died, crate::sys::boot::seconds_since_1970());
        let attempts = match died.len() {
            // It never came as far as to be counted by us.
            0 => "did not get far enough to be counted".to_owned(),
            number => format!("died {} before it was judged", count(number, "time")),
        };
        let last = died.first();
        let failed = FailedCheck {
            boot: last.unwrap_or(&boot).clone(),
            deployment: Some(from.clone()),
            name: "boot".to_owned(),
            unit: ARM.to_owned(),
            result: CheckResult::Error,
            exit_status: None,
            message: format!("{from} {attempts}; the boot loader went back to {booted}"),
            log: last
                .map(|boot| journal::last_lines_of_boot(&boot.boot_id))
                .unwrap_or_default(),
        };
        let incident = state.incident_for(&boot, Some(from));
        incident.record_failed(vec![failed]);
        incident.intend(Action::Rollback, &boot, Some(booted));
        state.mark_bad(from, "died before it was judged".to_owned());
    }

    /// For the initrd and the rescue program: whether to go back, and where to.
    pub(super) fn tell_rescue(&mut self, state_is_saved: bool) {
        let machine = &*self.machine;
        let Some(deployments) = machine.deployments.as_ref() else {
            return;
        };
        let wrong = deployments.tell_rescue(&machine.config, &machine.state.known_good);
        if state_is_saved {
            deployments.forget_rescues();
        }
        wrong.into_iter().for_each(|error| self.warn(error));
    }
}
