//! Trials: which entry can be tried, what the variables say before and after it.

use std::fs;

use super::{System, snapshot};
use crate::bootloader::Offer;

const ONE_SHOT: &str = "LoaderEntryOneShot";
const DEFAULT: &str = "LoaderEntryDefault";

/// Snapshot 1 is booted and good; an update tool made snapshot 2 what is booted next.
fn updated(new: &str) -> System {
    let system = System::systemd_boot(&[("snap-1.conf", 1), (new, 2)]);
    features(&system, 0b1_1100);
    system.set("LoaderEntrySelected", "snap-1.conf");
    system.set(DEFAULT, "snap-2.conf");
    system
}

fn features(system: &System, flags: u64) {
    let mut bytes = vec![6, 0, 0, 0];
    bytes.extend(flags.to_le_bytes());
    let file = "/sys/firmware/efi/efivars/LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
    fs::write(system.root.join(file), bytes).unwrap();
}

fn can_try(system: &System, waiting: Option<(&str, &str)>) -> Option<Offer> {
    let loader = system.loader();
    loader.can_try(&snapshot(1), &snapshot(2), waiting).unwrap()
}

fn ids(offer: Option<Offer>) -> Option<(String, String, Option<u32>)> {
    offer.map(|offer| (offer.entry, offer.good, offer.tries_left))
}

#[test]
fn a_new_default_can_be_tried_whether_it_is_counted_or_not() {
    for (file, left) in [
        ("snap-2+3.conf", Some(3)),
        ("snap-2+1-2.conf", Some(1)),
        ("snap-2.conf", None),
    ] {
        let system = updated(file);
        assert!(system.loader().has_default());
        let expected = ("snap-2.conf".to_owned(), "snap-1.conf".to_owned(), left);
        assert_eq!(ids(can_try(&system, None)), Some(expected), "{file}");
    }
}

#[test]
fn nothing_is_tried_where_the_loader_would_not_do_so_or_boots_something_else() {
    type Change = fn(&System);
    let table: [(&str, Change); 9] = [
        ("tells nothing of one-shot entries", |system| {
            features(system, 0b1_0100);
        }),
        ("is told nothing", |system| {
            system.variables().remove(DEFAULT).unwrap();
        }),
        ("is told the good one", |system| {
            system.set(DEFAULT, "snap-1.conf");
        }),
        ("is told a pattern", |system| system.set(DEFAULT, "snap-*")),
        ("is told something else", |system| {
            system.entry("tool.conf", "quiet");
            system.set(DEFAULT, "tool.conf");
        }),
        ("prefers something", |system| {
            system.set("LoaderEntryPreferred", "snap-2.conf");
        }),
        ("was asked for something else", |system| {
            system.set(ONE_SHOT, "snap-9.conf");
        }),
        ("has a bad entry", |system| {
            let entries = system.root.join(super::ENTRIES);
            fs::rename(
                entries.join("snap-2+3.conf"),
                entries.join("snap-2+0-3.conf"),
            )
            .unwrap();
        }),
        ("has nothing to go on with", |system| {
            fs::remove_file(system.root.join(super::ENTRIES).join("snap-1.conf")).unwrap();
        }),
    ];
    for (what, change) in table {
        let system = updated("snap-2+3.conf");
        change(&system);
        assert_eq!(can_try(&system, None), None, "a loader that {what}");
    }
    // Without variables of its own at all: not EFI.
    assert!(!System::new().loader().has_default());
}

#[test]
fn entries_that_follow_the_default_subvolume_are_no_way_back() {
    let system = updated("snap-2+3.conf");
    fs::remove_file(system.root.join(super::ENTRIES).join("snap-1.conf")).unwrap();
    system.entry("linux.conf", "root=UUID=1");
    system.set("LoaderEntrySelected", "linux.conf");
    assert_eq!(can_try(&system, None), None);
}

#[test]
fn entries_that_cannot_be_read_are_an_error() {
    let system = updated("snap-2+3.conf");
    fs::remove_dir_all(system.root.join(super::ENTRIES)).unwrap();
    let error = system
        .loader()
        .can_try(&snapshot(1), &snapshot(2), None)
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("LoaderDevicePartUUID"),
        "{error:#}"
    );
}

#[test]
fn one_boot_is_by_the_new_entry_and_then_all_by_what_it_was_worth() {
    let system = updated("snap-2+3.conf");
    let loader = system.loader();
    loader.set_one_shot("snap-2.conf", "snap-1.conf").unwrap();
    assert_eq!(system.get(ONE_SHOT).unwrap(), "snap-2.conf");
    assert_eq!(system.get(DEFAULT).unwrap(), "snap-1.conf");
    assert_eq!(system.look(2).one_shot.unwrap(), "snap-2.conf");

    // It waits for its boot: the plan can be made again, but not without knowing of it.
    assert_eq!(can_try(&system, None), None);
    let waiting = Some(("snap-2.conf", "snap-1.conf"));
    assert_eq!(can_try(&system, waiting).unwrap().entry, "snap-2.conf");

    // It is good.
    assert!(
        loader
            .restore_default("snap-2.conf", "snap-1.conf")
            .unwrap()
    );
    assert_eq!(system.get(DEFAULT).unwrap(), "snap-2.conf");
    assert_eq!(system.get(ONE_SHOT), None);
}

#[test]
fn a_trial_that_is_rolled_back_leaves_the_good_default_and_a_bad_entry() {
    let system = updated("snap-2+2-1.conf");
    system
        .loader()
        .set_one_shot("snap-2.conf", "snap-1.conf")
        .unwrap();
    system.roll_back(2, 1).unwrap();
    assert_eq!(system.get(DEFAULT).unwrap(), "snap-1.conf");
    assert_eq!(system.get(ONE_SHOT), None);
    assert_eq!(system.files(), ["snap-1.conf", "snap-2+0-1.conf"]);
}

#[test]
fn what_others_set_meanwhile_stays() {
    let system = updated("snap-2+3.conf");
    system.set(DEFAULT, "snap-7.conf");
    system.set(ONE_SHOT, "snap-8.conf");
    let loader = system.loader();
    assert!(
        !loader
            .restore_default("snap-2.conf", "snap-1.conf")
            .unwrap()
    );
    loader.unset_one_shot("snap-2.conf").unwrap();
    assert_eq!(system.get(DEFAULT).unwrap(), "snap-7.conf");
    assert_eq!(system.get(ONE_SHOT).unwrap(), "snap-8.conf");
    system.set(ONE_SHOT, "snap-2.conf");
    loader.unset_one_shot("snap-2.conf").unwrap();
    assert_eq!(system.get(ONE_SHOT), None);
}
