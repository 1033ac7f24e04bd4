//! The rescue program in an initrd that has no disk yet: it waits for one, but not where none would help, nor for ever.

use std::fs;

use super::disk::{Disk, PATIENCE};
use super::{Ended, in_all_shells};

const WAITS: &str = ": no snapshots are there yet, waiting for their disk";

/// It said once that it waits.
fn waited(ended: &Ended) -> bool {
    assert!(ended.said.matches("waiting").count() < 2, "{}", ended.said);
    ended.said.contains(WAITS)
}

/// It did not reboot, for the reason given.
fn stays(ended: &Ended, why: &str) {
    assert!(
        !ended.rebooted && ended.said.contains(why),
        "{}",
        ended.said
    );
}

#[test]
fn a_disk_that_comes_late_is_waited_for() {
    in_all_shells(|shell| {
        // As an update may have written it: nothing has that name.
        for root in ["/dev/nvme7n1p3", "UUID=@UUID@"] {
            let disk = Disk::new();
            disk.command_line(&format!("root={root}"));
            disk.comes_late(2);
            let ended = disk.rescue(shell);
            assert!(ended.rebooted && waited(&ended), "{}", ended.said);
            assert_eq!((disk.default(), disk.looks()), (2, 2), "{}", ended.said);
        }
    });
}

#[test]
fn a_disk_that_never_comes_is_not_waited_for_for_ever() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.comes_late(1000);
        let ended = disk.rescue(shell);
        assert!(waited(&ended), "{}", ended.said);
        stays(&ended, "would start the same again");
        assert_eq!(disk.looks(), PATIENCE);
        // It was the loader that chose this boot, and it will choose another one.
        disk.next_boot(2);
        disk.comes_late(1000);
        disk.command_line("root=UUID=@UUID@ health-checker.boot=trial");
        let ended = disk.rescue(shell);
        assert!(ended.rebooted && waited(&ended), "{}", ended.said);
    });
}

/// Somebody's data, on a disk that is faster.
#[test]
fn a_disk_without_snapshots_is_not_all_that_may_come() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.in_snapshots(|directory| {
            fs::remove_file(directory.join("health-checker.rescue")).unwrap();
        });
        disk.command_line("root=/dev/nvme7n1p3");
        let ended = disk.rescue(shell);
        assert!(waited(&ended), "{}", ended.said);
        stays(&ended, "no snapshot is known to be good");
    });
}

#[test]
fn where_no_other_disk_would_help_it_does_not_wait() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.in_snapshots(|directory| {
            fs::remove_file(directory.join("health-checker.rescue")).unwrap();
        });
        let ended = disk.rescue(shell);
        stays(&ended, "no snapshot is known to be good");
        assert!(!waited(&ended));
        // The root was mounted, and is something else: there is no disk to wait for.
        let disk = Disk::new();
        disk.command_line("root=/dev/nvme7n1p3");
        disk.comes_late(1000);
        let ended = disk.check(shell);
        stays(&ended, "no btrfs with snapshots can be mounted");
        assert!(!waited(&ended));
        let disk = Disk::new();
        disk.command_line(&format!("root={}", disk.other_file_system()));
        let ended = disk.rescue(shell);
        stays(&ended, "no btrfs with snapshots can be mounted");
        assert!(!waited(&ended));
    });
}

/// Nothing was wrong with it but its disk; all older ones are on the same.
#[test]
fn a_known_good_snapshot_is_not_left_for_a_slow_disk() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.set_default(2);
        disk.comes_late(1);
        let ended = disk.rescue(shell);
        assert!(waited(&ended), "{}", ended.said);
        stays(
            &ended,
            "snapshot 2 is known to be good, it is only its disk that came late",
        );
        assert_eq!((disk.default(), disk.log().len()), (2, 0));
    });
}
