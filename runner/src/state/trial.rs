//! An update on trial: the boot loader boots its entry once, and goes on with a good one. What became of it; no I/O.

use serde::{Deserialize, Serialize};

use crate::model::deployment::Deployment;
use crate::model::facts::BootKey;

/// A plan, written down before the boot loader is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The boot that planned it, or the one that noticed that the last one died.
    pub boot: BootKey,
    /// What is on trial.
    pub deployment: Deployment,
    /// The boot entry that is booted once, without its counter.
    pub entry: String,
    /// The entry that the boot loader goes on with: LoaderEntryDefault as long as the trial is open.
    pub good: String,
    /// Starts of the entry that were left when it was planned. `None`: it is not counted.
    pub tries_left: Option<u32>,
    /// Boots on trial that died.
    #[serde(default)]
    pub died: u32,
}

/// What can be seen of a trial from a later boot.
#[derive(Debug, Clone)]
pub struct Seen<'s> {
    /// The boot that looks.
    pub boot: &'s BootKey,
    /// What it booted.
    pub booted: Option<&'s Deployment>,
    /// The deployment that is the default subvolume.
    pub default: Option<&'s Deployment>,
    /// The entry that was booted.
    pub selected: Option<&'s str>,
    /// The entry that LoaderEntryDefault names.
    pub told: Option<&'s str>,
    /// The entry that LoaderEntryOneShot names.
    pub one_shot: Option<&'s str>,
    /// Whether the entry on trial is there, and how many starts it has left.
    pub entry: EntrySeen,
    /// Whether the last boot of the deployment, after the plan, was shut down in order.
    pub shut_down: bool,
    /// Whether the deployment is known good by now.
    pub known_good: bool,
}

/// The entry on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntrySeen {
    /// No entry can be seen at all.
    Unknown,
    /// Others can.
    Gone,
    /// It is there, with so many starts left.
    There(Option<u32>),
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet: it goes on, or is still to come.
    Open,
    /// Somebody decided otherwise: it is no trial any more.
    Dropped,
    /// The deployment is good, but the boot loader was not told.
    Passed,
    /// It was started, and the boot loader went on with the good entry.
    Died,
    /// The same, and it is to be tried once more.
    Again,
}

impl Trial {
    /// From a boot to what became of the trial.
    pub fn fate(&self, seen: &Seen) -> Fate {
        let is =
            |seen: Option<&str>, id: &str| seen.is_some_and(|seen| seen.eq_ignore_ascii_case(id));
        let left = match seen.entry {
            EntrySeen::Unknown => return Fate::Open,
            EntrySeen::Gone => return Fate::Dropped,
            EntrySeen::There(left) => left,
        };
        if seen.default != Some(&self.deployment) || !is(seen.told, &self.good) {
            return Fate::Dropped;
        }
        if seen.known_good {
            return Fate::Passed;
        }
        // A soft-reboot asks no boot loader.
        let before = seen.boot.boot_id == self.boot.boot_id || is(seen.one_shot, &self.entry);
        if before || seen.booted == Some(&self.deployment) || !is(seen.selected, &self.good) {
            return Fate::Open;
        }
        match (self.tries_left, left) {
            // systemd-bless-boot called it good, in a boot that we were not to judge.
            (Some(_), None) => Fate::Passed,
            // Somebody chose the good entry in the menu instead: this one was never started.
            (Some(planned), Some(left)) if left >= planned => Fate::Open,
            _ if seen.shut_down => Fate::Open,
            _ => Fate::Died,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(number: u64) -> Deployment {
        Deployment::numbered(number)
    }

    fn boot(number: u64) -> BootKey {
        BootKey {
            boot_id: format!("boot-{number}"),
            userspace_usec: number,
        }
    }

    /// The course of a trial of deployment 2 that boot 1 planned, seen from boot 3 in deployment 1, but for what `change` says.
    fn fate(left: Option<u32>, change: impl FnOnce(&mut Seen<'_>)) -> Fate {
        let trial = Trial {
            boot: boot(1),
            deployment: snapshot(2),
            entry: "snap-2.conf".to_owned(),
            good: "snap-1.conf".to_owned(),
            tries_left: left,
            died: 0,
        };
        let (boot, one, two) = (boot(3), snapshot(1), snapshot(2));
        let mut seen = Seen {
            boot: &boot,
            booted: Some(&one),
            default: Some(&two),
            selected: Some("snap-1.conf"),
            told: Some("SNAP-1.conf"),
            one_shot: None,
            entry: EntrySeen::There(left.map(|left| left - 1)),
            shut_down: false,
            known_good: false,
        };
        // What `change` puts in must live as long: static.
        change(&mut seen);
        trial.fate(&seen)
    }

    #[test]
    fn the_good_entry_after_a_start_of_the_other_one_is_a_death() {
        assert_eq!(fate(Some(3), |_| ()), Fate::Died);
        assert_eq!(fate(Some(1), |_| ()), Fate::Died);
        assert_eq!(fate(None, |_| ()), Fate::Died);
    }

    #[test]
    fn what_was_not_started_yet_is_still_to_come() {
        let unchanged = |seen: &mut Seen| seen.entry = EntrySeen::There(Some(3));
        assert_eq!(fate(Some(3), unchanged), Fate::Open);
        let waiting = |seen: &mut Seen| seen.one_shot = Some("snap-2.conf");
        assert_eq!(fate(Some(3), waiting), Fate::Open);
        let by_hand = |seen: &mut Seen| seen.selected = Some("snap-9.conf");
        assert_eq!(fate(Some(3), by_hand), Fate::Open);
        assert_eq!(fate(None, |seen| seen.shut_down = true), Fate::Open);
        assert_eq!(
            fate(Some(3), |seen| seen.entry = EntrySeen::Unknown),
            Fate::Open
        );
    }

    #[test]
    fn a_boot_on_trial_and_a_soft_reboot_after_the_plan_decide_nothing() {
        let on_trial = |seen: &mut Seen| seen.booted = seen.default;
        assert_eq!(fate(Some(3), on_trial), Fate::Open);
        let same = BootKey {
            userspace_usec: 99,
            ..boot(1)
        };
        let same: &'static BootKey = Box::leak(Box::new(same));
        assert_eq!(fate(None, |seen| seen.boot = same), Fate::Open);
    }

    #[test]
    fn whoever_decides_otherwise_ends_it() {
        let table: [fn(&mut Seen); 5] = [
            |seen| seen.default = seen.booted,
            |seen| seen.default = None,
            |seen| seen.told = Some("snap-2.conf"),
            |seen| seen.told = None,
            |seen| seen.entry = EntrySeen::Gone,
        ];
        for (at, change) in table.into_iter().enumerate() {
            assert_eq!(fate(Some(3), change), Fate::Dropped, "{at}");
        }
    }

    #[test]
    fn a_good_one_has_passed_whoever_said_so() {
        assert_eq!(fate(Some(3), |seen| seen.known_good = true), Fate::Passed);
        let blessed = |seen: &mut Seen| seen.entry = EntrySeen::There(None);
        assert_eq!(fate(Some(3), blessed), Fate::Passed);
    }
}
