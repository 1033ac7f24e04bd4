//! Detection, and entries of the Boot Loader Specification, on fake systems: EFI variables and partitions in a directory.

mod rename;
mod trial;

use std::fs;
use std::path::Path;

use health_checks::Root;

use super::efi::Variables;
use super::{BootLoader, Kind, View, detect};
use crate::bootloader::snapshot::SnapshotId;

const SYSTEMD_BOOT: &str = "systemd-boot 257.9";
const ENTRIES: &str = "/efi/loader/entries";

struct System {
    root: Root,
    _directory: tempfile::TempDir,
}

impl System {
    /// Without EFI.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        Self {
            root,
            _directory: directory,
        }
    }

    /// Booted by systemd-boot, with entries for snapshots: file name and number.
    fn systemd_boot(entries: &[(&str, u64)]) -> Self {
        let system = Self::new();
        fs::create_dir_all(system.root.join("/sys/firmware/efi/efivars")).unwrap();
        system.set("LoaderInfo", SYSTEMD_BOOT);
        for (file, number) in entries {
            system.entry(
                file,
                &format!("root=UUID=1 rootflags=subvol=@/.snapshots/{number}/snapshot"),
            );
        }
        system
    }

    fn entry(&self, file: &str, options: &str) {
        self.write(
            &format!("{ENTRIES}/{file}"),
            &format!("title T\nlinux /l\noptions {options}\n"),
        );
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn set(&self, variable: &str, value: &str) {
        self.variables().write(variable, value).unwrap();
    }

    fn get(&self, variable: &str) -> Option<String> {
        self.variables().read(variable).unwrap()
    }

    fn variables(&self) -> Variables {
        Variables::new(&self.root, &[])
    }

    fn loader(&self) -> Box<dyn BootLoader> {
        detect(&self.root, &[])
    }

    fn look(&self, default: u64) -> View {
        self.loader().look(Some(default))
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.root.join(ENTRIES)).unwrap();
        let mut files: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    fn roll_back(&self, from: u64, to: u64) -> anyhow::Result<Vec<String>> {
        self.loader()
            .set_default(&snapshot(from), &snapshot(to), None, &|| {})
    }
}

fn snapshot(number: u64) -> SnapshotId {
    SnapshotId {
        number,
        id: 256 + number,
        uuid: format!("uuid-{number}"),
    }
}

#[test]
fn a_boot_loader_is_known_by_what_it_said_and_not_by_a_directory() {
    let system = System::new();
    assert_eq!(system.look(1).kind, Kind::None);
    system.entry("snap-1.conf", "root=x");
    assert_eq!(system.look(1), View::empty(Kind::None));
    fs::create_dir_all(system.root.join("/sys/firmware/efi/efivars")).unwrap();
    system.set("LoaderInfo", "GRUB 2.12");
    assert_eq!(system.look(1).kind, Kind::None);
    system.set("LoaderEntrySelected", "snap-1.conf");
    assert_eq!(system.look(1).kind, Kind::Grub2Bls);
    system.set("LoaderInfo", SYSTEMD_BOOT);
    assert_eq!(system.look(1).kind, Kind::SystemdBoot);
}

#[test]
fn a_healthy_boot_leaves_no_tries_to_what_was_rolled_back_from() {
    let entries = [
        ("snap-1.conf", 1),
        ("snap-2+2-1.conf", 2),
        ("snap-3+3.conf", 3),
        ("snap-4+1-2.conf", 4),
    ];
    let system = System::systemd_boot(&entries);
    let good = |bad: &[SnapshotId]| {
        system
            .loader()
            .mark_good(&snapshot(1), "@/.snapshots/1/snapshot", bad)
    };
    good(&[]).unwrap();
    assert_eq!(system.files(), entries.map(|(file, _)| file));
    let marked = [
        "snap-1.conf",
        "snap-2+0-1.conf",
        "snap-3+3.conf",
        "snap-4+0-2.conf",
    ];
    for _ in 0..2 {
        good(&[snapshot(2), snapshot(4), snapshot(5)]).unwrap();
        assert_eq!(system.files(), marked);
    }
}

#[test]
fn the_view_names_what_was_booted_and_what_is_next() {
    let system = System::systemd_boot(&[("snap-1.conf", 1), ("snap-2+2-1.conf", 2)]);
    system.entry("tool.conf", "quiet");
    system.set("LoaderEntrySelected", "snap-2.conf");
    system.set("LoaderBootCountPath", "\\loader\\entries\\snap-2+2-1.conf");
    let view = system.look(2);
    let booted = view.booted.clone().unwrap();
    assert_eq!(
        (booted.id.as_str(), booted.snapshot),
        ("snap-2.conf", Some(2))
    );
    assert_eq!((booted.tries_left, booted.tries_done), (Some(2), Some(1)));
    assert_eq!(
        booted.path.unwrap(),
        Path::new("/efi/loader/entries/snap-2+2-1.conf")
    );
    assert_eq!(
        (view.default.clone(), view.tries, view.fell_back),
        (None, Some(2), false)
    );
    let ids: Vec<&str> = view.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["tool.conf", "snap-2.conf", "snap-1.conf"]);
    assert_eq!(view.warnings, [""; 0]);

    // Blessed since, and the default is set, in other letters.
    fs::rename(
        system.root.join("/efi/loader/entries/snap-2+2-1.conf"),
        system.root.join("/efi/loader/entries/snap-2.conf"),
    )
    .unwrap();
    system.set("LoaderEntryDefault", "SNAP-1.conf");
    let view = system.look(2);
    assert_eq!(view.booted.unwrap().tries_left, None);
    assert_eq!(view.default.unwrap().snapshot, Some(1));
    assert_eq!(view.tries, None);
}

#[test]
fn grub_calls_entries_by_other_names() {
    let system = System::systemd_boot(&[("snap-1.conf", 1), ("snap-2+2-1.conf", 2)]);
    system.set("LoaderInfo", "GRUB2 2.14");
    // As the file was called before this boot was counted.
    system.set("LoaderEntrySelected", "snap-2+3");
    system.set("LoaderEntryDefault", "snap-1");
    system.set("LoaderEntryOneShot", "snap-2");
    let view = system.look(2);
    assert_eq!(view.kind, Kind::Grub2Bls);
    let booted = view.booted.unwrap();
    assert_eq!(
        (booted.id.as_str(), booted.tries_left),
        ("snap-2.conf", Some(2))
    );
    assert_eq!(view.default.unwrap().id, "snap-1.conf");
    assert_eq!(view.one_shot.as_deref(), Some("snap-2.conf"));
    let said = system.roll_back(2, 1).unwrap();
    // The default is what it should be already.
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(system.get("LoaderEntryDefault").unwrap(), "snap-1");
    assert_eq!(system.get("LoaderEntryOneShot"), None);
    // A title that GRUB would take as well is no entry that we know.
    system.set("LoaderEntryDefault", "openSUSE MicroOS");
    let warnings = system.look(1).warnings;
    assert!(
        warnings[0].contains("there is no such boot entry"),
        "{warnings:?}"
    );
}

#[test]
fn what_cannot_be_found_out_is_a_warning() {
    let system = System::systemd_boot(&[]);
    let warnings = system.look(1).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("'/efi', '/boot/efi', '/boot'"),
        "{warnings:?}"
    );
    for (told, words) in [
        ("gone.conf", "there is no such"),
        ("snap-*", "pattern"),
        ("a.efi", "no text entry"),
    ] {
        let system = System::systemd_boot(&[("snap-1.conf", 1)]);
        system.set("LoaderEntryDefault", told);
        let warnings = system.look(1).warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(words), "{warnings:?}");
    }
}

#[test]
fn another_entry_than_the_used_up_default_is_a_fall_back() {
    // (entries of snapshots 1 and 2, LoaderEntryDefault, booted) -> fell back
    let table = [
        (["snap-1.conf", "snap-2+0-3.conf"], None, 1, true),
        (["snap-1.conf", "snap-2+0-3.conf"], None, 2, false),
        (["snap-1.conf", "snap-2+1-2.conf"], None, 1, false),
        (["snap-1.conf", "snap-2.conf"], None, 1, false),
        (
            ["snap-1.conf", "snap-2+0-3.conf"],
            Some("snap-2.conf"),
            1,
            false,
        ),
        (
            ["snap-1.conf", "snap-2+0-3.conf"],
            Some("snap-1.conf"),
            1,
            true,
        ),
    ];
    for (files, told, booted, fell_back) in table {
        let system = System::systemd_boot(&[(files[0], 1), (files[1], 2)]);
        if let Some(told) = told {
            system.set("LoaderEntryDefault", told);
        }
        system.set("LoaderEntrySelected", &format!("snap-{booted}.conf"));
        assert_eq!(
            system.look(2).fell_back,
            fell_back,
            "{files:?} {told:?} {booted}"
        );
        assert!(!system.loader().look(None).fell_back);
    }
}

#[test]
fn after_a_rollback_the_bad_entries_are_bad_and_the_default_is_a_good_one() {
    let system = System::systemd_boot(&[
        ("k-6.9-1.conf", 1),
        ("k-6.10-1.conf", 1),
        ("k-6.11-1+2-1.conf", 1),
        ("k-6.10-2+2-1.conf", 2),
        ("k-6.11-2.conf", 2),
    ]);
    system.set("LoaderEntryDefault", "k-6.10-2.conf");
    system.set("LoaderEntryOneShot", "k-6.11-2.conf");
    system.set("LoaderEntryPreferred", "k-6.11-2.conf");
    let said = system.roll_back(2, 1).unwrap();
    assert_eq!(said.len(), 5, "{said:?}");
    // Of the blessed ones that with the newest kernel.
    assert_eq!(system.get("LoaderEntryDefault").unwrap(), "k-6.10-1.conf");
    assert_eq!(system.get("LoaderEntryOneShot"), None);
    assert_eq!(system.get("LoaderEntryPreferred"), None);
    let files = [
        "k-6.10-1.conf",
        "k-6.10-2+0-1.conf",
        "k-6.11-1+2-1.conf",
        "k-6.11-2+0-1.conf",
        "k-6.9-1.conf",
    ];
    assert_eq!(system.files(), files);
    assert_eq!(system.look(1).warnings, [""; 0]);

    // Once more changes nothing.
    let said = system.roll_back(2, 1).unwrap();
    assert!(said.len() == 1 && said[0].contains("already"), "{said:?}");
    assert_eq!(system.files(), files);
}

#[test]
fn a_choice_that_fits_is_left_alone() {
    let system = System::systemd_boot(&[
        ("k-6.9-1.conf", 1),
        ("k-6.10-1.conf", 1),
        ("k-2+1-2.conf", 2),
    ]);
    system.set("LoaderEntryDefault", "k-6.9-1.conf");
    system.set("LoaderEntryOneShot", "auto-reboot-to-firmware-setup");
    system.roll_back(2, 1).unwrap();
    assert_eq!(system.get("LoaderEntryDefault").unwrap(), "k-6.9-1.conf");
    assert_eq!(
        system.get("LoaderEntryOneShot").unwrap(),
        "auto-reboot-to-firmware-setup"
    );
    assert_eq!(
        system.files(),
        ["k-2+0-2.conf", "k-6.10-1.conf", "k-6.9-1.conf"]
    );
}

#[test]
fn a_good_snapshot_whose_tries_were_used_up_gets_rid_of_the_counter() {
    let system = System::systemd_boot(&[("snap-1+0-3.conf", 1), ("snap-2.conf", 2)]);
    system.roll_back(2, 1).unwrap();
    assert_eq!(system.get("LoaderEntryDefault").unwrap(), "snap-1.conf");
    assert_eq!(system.files(), ["snap-1.conf", "snap-2+0-1.conf"]);
}

#[test]
fn an_entry_that_follows_the_default_subvolume_boots_the_target_too() {
    let system = System::systemd_boot(&[]);
    system.entry("linux+0-3.conf", "root=UUID=1 quiet");
    assert_eq!(system.look(7).entries[0].snapshot, Some(7));
    system.roll_back(2, 1).unwrap();
    assert_eq!(system.files(), ["linux.conf"]);
    assert_eq!(system.get("LoaderEntryDefault").unwrap(), "linux.conf");
}

#[test]
fn without_an_entry_for_the_target_it_says_so_and_changes_nothing() {
    let system = System::systemd_boot(&[("snap-2+2-1.conf", 2), ("snap-3.conf", 3)]);
    let error = system.roll_back(2, 1).unwrap_err();
    assert!(
        format!("{error:#}").contains("no entry that boots snapshot 1"),
        "{error:#}"
    );
    assert_eq!(system.files(), ["snap-2+2-1.conf", "snap-3.conf"]);
    assert_eq!(system.get("LoaderEntryDefault"), None);
}

#[test]
fn without_text_entries_nothing_is_known_and_without_a_partition_it_fails() {
    let system = System::systemd_boot(&[]);
    let error = system.roll_back(2, 1).unwrap_err();
    assert!(
        format!("{error:#}").contains("LoaderDevicePartUUID"),
        "{error:#}"
    );
    system.set("LoaderDevicePartUUID", "5A4B-0000");
    let error = system.roll_back(2, 1).unwrap_err();
    assert!(
        format!("{error:#}").contains("by-partuuid/5a4b-0000' cannot be mounted"),
        "{error:#}"
    );
    system.entry("tool.conf", "quiet");
    let said = system.roll_back(2, 1).unwrap();
    assert!(said.len() == 1 && said[0].contains("not known"), "{said:?}");
    assert_eq!(system.get("LoaderEntryDefault"), None);
}
