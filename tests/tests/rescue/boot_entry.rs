//! The rescue program in an initrd that was started by a boot loader with entries and tries.

use super::disk::Disk;
use super::{Ended, in_all_shells};

/// As in efivarfs: attributes, then UTF-16 with a zero at the end.
fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
    [7, 0, 0, 0].into_iter().chain(units).collect()
}

fn started_from(disk: &Disk, entry: &str, counted: Option<&str>) {
    disk.variable("LoaderInfo", "systemd-boot 257");
    disk.variable("LoaderEntrySelected", entry);
    disk.variable("LoaderEntryDefault", entry);
    if let Some(counted) = counted {
        disk.variable(
            "LoaderBootCountPath",
            &format!("\\loader\\entries\\{counted}"),
        );
    }
}

fn default_entry(ended: &Ended) -> Option<&[u8]> {
    ended.variables.get("LoaderEntryDefault").map(Vec::as_slice)
}

#[test]
fn the_entry_of_the_good_snapshot_becomes_the_default() {
    in_all_shells(|shell| {
        for counted in [None, Some("snap-3+0-3.conf"), Some("snap-3+0.conf")] {
            let disk = Disk::new();
            started_from(&disk, "snap-3.conf", counted);
            let ended = disk.rescue(shell);
            assert!(ended.rebooted && disk.default() == 2, "{}", ended.said);
            assert_eq!(
                default_entry(&ended),
                Some(&*utf16("snap-2.conf")),
                "{}",
                ended.said
            );
        }
    });
}

#[test]
fn an_entry_with_tries_gets_them() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        started_from(&disk, "snap-3.conf", Some("snap-3+2-1.conf"));
        let ended = disk.rescue(shell);
        assert!(ended.rebooted, "{}", ended.said);
        assert!(
            ended
                .said
                .contains("the boot loader still grants this entry 2 tries"),
            "{}",
            ended.said
        );
        assert_eq!((disk.default(), disk.log().len()), (3, 0));
    });
}

#[test]
fn without_a_known_entry_the_bad_one_is_forgotten() {
    in_all_shells(|shell| {
        // GRUB's name for it is that of its file, before this boot was counted.
        for selected in ["snap-3.conf", "snap-3+1-2", "snap-3"] {
            let disk = Disk::new();
            disk.rescue_file(&[(1, "-")]);
            started_from(&disk, "snap-3.conf", Some("snap-3+0-3.conf"));
            disk.variable("LoaderEntrySelected", selected);
            let ended = disk.rescue(shell);
            assert!(ended.rebooted && disk.default() == 1, "{}", ended.said);
            assert_eq!(default_entry(&ended), None, "{selected}: {}", ended.said);
        }
    });
}

/// What only looks like a counter belongs to the name: another entry's default is left as it is.
#[test]
fn only_a_counter_is_taken_from_a_name() {
    in_all_shells(|shell| {
        for (default, selected, forgotten) in [
            ("gcc+3x.conf", "gcc+3x.conf", true),
            ("gcc+3x.conf", "gcc.conf", false),
            ("a+1-2-3.conf", "a.conf", false),
            ("a+1-.conf", "a.conf", false),
            ("+3.conf", ".conf", false),
            ("x.conf.conf", "x.conf+0-1.conf", true),
            ("x.conf.conf", "x+0-1.conf", false),
            ("a+b.conf", "a+b+2-1.conf", true),
        ] {
            let disk = Disk::new();
            disk.rescue_file(&[(1, "-")]);
            started_from(&disk, default, None);
            disk.variable("LoaderEntrySelected", selected);
            let ended = disk.rescue(shell);
            assert!(ended.rebooted, "{}", ended.said);
            let left = default_entry(&ended).is_none();
            assert_eq!(left, forgotten, "{default} {selected}: {}", ended.said);
        }
    });
}

/// The new initrd may lack the driver of the disk: the old entry has its own.
#[test]
fn without_a_disk_the_next_entry_gets_its_turn_but_not_for_ever() {
    in_all_shells(|shell| {
        let mut disk = Disk::new();
        disk.hide();
        started_from(&disk, "snap-3.conf", Some("snap-3+0-3.conf"));
        let ended = disk.rescue(shell);
        assert!(ended.rebooted, "{}", ended.said);
        assert_eq!(default_entry(&ended), None);
        started_from(&disk, "snap-3.conf", Some("snap-3+0-11.conf"));
        let ended = disk.rescue(shell);
        assert!(!ended.rebooted, "{}", ended.said);
    });
}

#[test]
fn a_name_that_no_entry_has_is_not_written() {
    let disk = Disk::new();
    disk.rescue_file(&[(2, "snap%s\\n.conf")]);
    started_from(&disk, "snap-3.conf", None);
    let ended = disk.rescue("dash");
    assert!(
        ended.rebooted && ended.said.contains("is no name for the boot loader"),
        "{}",
        ended.said
    );
    assert_eq!(disk.default(), 2);
}
