//! An update on trial: the boot loader boots its entry once, and goes on with a good one. What became of it; no I/O.

use serde::{Deserialize, Serialize};

use crate::model::facts::{BootKey, SnapshotId};

/// A plan, written down before the boot loader is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The boot that planned it, or the one that noticed that the last one died.
    pub boot: BootKey,
    /// What is on trial.
    pub snapshot: SnapshotId,
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
    pub booted: Option<&'s SnapshotId>,
    /// The snapshot that is the default subvolume.
    pub default: Option<&'s SnapshotId>,
    /// The entry that was booted.
    pub selected: Option<&'s str>,
    /// The entry that LoaderEntryDefault names.
    pub told: Option<&'s str>,
    /// The entry that LoaderEntryOneShot names.
    pub one_shot: Option<&'s str>,
    /// Whether the entry on trial is there, and how many starts it has left.
    pub entry: Entry,
    /// Whether the last boot of the snapshot, after the plan, was shut down in order.
    pub shut_down: bool,
    /// Whether the snapshot is known good by now.
    pub known_good: bool,
}

/// The entry on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// No entry can be seen at all.
    Unknown,
    /// Others can.
    Gone,
    /// It is there, with so many starts left.
    There(Option<u32>),
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Nothing yet: it goes on, or is still to come.
    Open,
    /// Somebody decided otherwise: it is no trial any more.
    Dropped,
    /// The snapshot is good, but the boot loader was not told.
    Passed,
    /// It was started, and the boot loader went on with the good entry.
    Died,
}

impl Trial {
    /// From a boot to what became of the trial.
    pub fn course(&self, seen: &Seen) -> Course {
        let is =
            |seen: Option<&str>, id: &str| seen.is_some_and(|seen| seen.eq_ignore_ascii_case(id));
        let left = match seen.entry {
            Entry::Unknown => return Course::Open,
            Entry::Gone => return Course::Dropped,
            Entry::There(left) => left,
        };
        if seen.default != Some(&self.snapshot) || !is(seen.told, &self.good) {
            return Course::Dropped;
        }
        if seen.known_good {
            return Course::Passed;
        }
        // A soft-reboot asks no boot loader.
        let before = seen.boot.boot_id == self.boot.boot_id || is(seen.one_shot, &self.entry);
        if before || seen.booted == Some(&self.snapshot) || !is(seen.selected, &self.good) {
            return Course::Open;
        }
        match (self.tries_left, left) {
            // systemd-bless-boot called it good, in a boot that we were not to judge.
            (Some(_), None) => Course::Passed,
            // Somebody chose the good entry in the menu instead: this one was never started.
            (Some(planned), Some(left)) if left >= planned => Course::Open,
            _ if seen.shut_down => Course::Open,
            _ => Course::Died,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(number: u64) -> SnapshotId {
        SnapshotId {
            number,
            id: 256 + number,
            uuid: format!("uuid-{number}"),
        }
    }

    fn boot(number: u64) -> BootKey {
        BootKey {
            boot_id: format!("boot-{number}"),
            userspace_usec: number,
        }
    }

    /// The course of a trial of snapshot 2 that boot 1 planned, seen from boot 3 in snapshot 1, but for what `change` says.
    fn course(left: Option<u32>, change: impl FnOnce(&mut Seen<'_>)) -> Course {
        let trial = Trial {
            boot: boot(1),
            snapshot: snapshot(2),
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
            entry: Entry::There(left.map(|left| left - 1)),
            shut_down: false,
            known_good: false,
        };
        // What `change` puts in must live as long: static.
        change(&mut seen);
        trial.course(&seen)
    }

    #[test]
    fn the_good_entry_after_a_start_of_the_other_one_is_a_death() {
        assert_eq!(course(Some(3), |_| ()), Course::Died);
        assert_eq!(course(Some(1), |_| ()), Course::Died);
        assert_eq!(course(None, |_| ()), Course::Died);
    }

    #[test]
    fn what_was_not_started_yet_is_still_to_come() {
        let unchanged = |seen: &mut Seen| seen.entry = Entry::There(Some(3));
        assert_eq!(course(Some(3), unchanged), Course::Open);
        let waiting = |seen: &mut Seen| seen.one_shot = Some("snap-2.conf");
        assert_eq!(course(Some(3), waiting), Course::Open);
        let by_hand = |seen: &mut Seen| seen.selected = Some("snap-9.conf");
        assert_eq!(course(Some(3), by_hand), Course::Open);
        assert_eq!(course(None, |seen| seen.shut_down = true), Course::Open);
        assert_eq!(
            course(Some(3), |seen| seen.entry = Entry::Unknown),
            Course::Open
        );
    }

    #[test]
    fn a_boot_on_trial_and_a_soft_reboot_after_the_plan_decide_nothing() {
        let on_trial = |seen: &mut Seen| seen.booted = seen.default;
        assert_eq!(course(Some(3), on_trial), Course::Open);
        let same = BootKey {
            userspace_usec: 99,
            ..boot(1)
        };
        let same: &'static BootKey = Box::leak(Box::new(same));
        assert_eq!(course(None, |seen| seen.boot = same), Course::Open);
    }

    #[test]
    fn whoever_decides_otherwise_ends_it() {
        let table: [fn(&mut Seen); 5] = [
            |seen| seen.default = seen.booted,
            |seen| seen.default = None,
            |seen| seen.told = Some("snap-2.conf"),
            |seen| seen.told = None,
            |seen| seen.entry = Entry::Gone,
        ];
        for (at, change) in table.into_iter().enumerate() {
            assert_eq!(course(Some(3), change), Course::Dropped, "{at}");
        }
    }

    #[test]
    fn a_good_one_has_passed_whoever_said_so() {
        assert_eq!(
            course(Some(3), |seen| seen.known_good = true),
            Course::Passed
        );
        let blessed = |seen: &mut Seen| seen.entry = Entry::There(None);
        assert_eq!(course(Some(3), blessed), Course::Passed);
    }
}
