//! The rescue program in an initrd: which snapshot it goes back to, what it writes down, and what it leaves alone.

use std::fs;
use std::process::Command;

use super::disk::Disk;
use super::in_all_shells;

/// It did nothing, for the reason given.
fn left_alone(disk: &Disk, shell: &str, why: &str) {
    let before = (disk.default(), disk.log());
    let ended = disk.rescue(shell);
    assert!(!ended.rebooted, "{}", ended.said);
    assert!(
        ended.said.starts_with("health-checker: nothing is done: "),
        "{}",
        ended.said
    );
    assert!(
        ended.said.contains(why),
        "'{why}' is not in '{}'",
        ended.said
    );
    assert!(
        ended.kmsg.contains(&format!("<4>{}", ended.said)),
        "{}",
        ended.kmsg
    );
    assert_eq!((disk.default(), disk.log()), before);
}

/// It made a snapshot the default, wrote one line, and rebooted.
fn goes_back(disk: &Disk, shell: &str, from: u64, to: u64) {
    let before = disk.log();
    let ended = disk.rescue(shell);
    assert!(ended.rebooted, "{}", ended.said);
    assert_eq!(disk.default(), to, "{}", ended.said);
    assert!(ended.kmsg.contains(&format!(
        "<4>health-checker: root not found: back from snapshot {from} to {to}\n"
    )));
    let log = disk.log();
    assert_eq!(log[..before.len()], before);
    let (boot, line) = log[before.len()].split_once(' ').unwrap();
    assert_eq!(
        (boot.len(), line),
        (36, &*format!("{from} {to} initrd root not found"))
    );
    assert_eq!(log.len(), before.len() + 1);
}

#[test]
fn back_to_the_newest_good_one_of_the_list() {
    in_all_shells(|shell| goes_back(&Disk::new(), shell, 3, 2));
}

#[test]
fn wherever_the_snapshots_are() {
    for place in [".snapshots", "other/.snapshots"] {
        goes_back(&Disk::with(place), "dash", 3, 2);
    }
}

#[test]
fn the_command_line_says_what_was_booted_and_from_where() {
    in_all_shells(|shell| {
        for words in [
            "root=UUID=@UUID@ rootflags=subvol=@/.snapshots/3/snapshot",
            "root=\"UUID=@UUID@\" rootflags=noatime,subvol=/@/.snapshots/3/snapshot,ro",
            // The device does not exist (an update may have written a wrong one), or is not named at all.
            "root=UUID=00000000-0000-0000-0000-000000000000 ro",
            "root=/dev/nvme7n1p3",
            "quiet panic=60 rd.shell=0 health-checker=1 health-checker.boot=trial",
        ] {
            let disk = Disk::new();
            disk.command_line(words);
            goes_back(&disk, shell, 3, 2);
        }
    });
}

#[test]
fn a_good_one_goes_back_to_an_older_one_only() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.set_default(2);
        goes_back(&disk, shell, 2, 1);
        disk.next_boot(2);
        left_alone(&disk, shell, "no other snapshot than 1 is known to be good");
    });
}

#[test]
fn a_fallback_boot_that_fails_as_well_goes_on_to_the_next() {
    let disk = Disk::new();
    disk.command_line(
        "root=UUID=@UUID@ rootflags=subvol=@/.snapshots/2/snapshot health-checker.boot=fallback",
    );
    goes_back(&disk, "dash", 2, 1);
}

#[test]
fn what_is_gone_or_another_one_by_now_is_passed_over() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.in_snapshots(|directory| {
            let path = directory.join("2/snapshot");
            for verb in ["delete", "create"] {
                let status = Command::new("btrfs")
                    .args(["-q", "subvolume", verb])
                    .arg(&path)
                    .status();
                assert!(status.unwrap().success());
            }
        });
        goes_back(&disk, shell, 3, 1);
    });
}

#[test]
fn three_times_and_no_more() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        for boot in 1..=3 {
            disk.next_boot(boot);
            goes_back(&disk, shell, 3, 2);
            disk.set_default(3);
        }
        disk.next_boot(4);
        left_alone(
            &disk,
            shell,
            "3 rescues since the last healthy boot are enough",
        );
    });
}

#[test]
fn once_in_a_boot() {
    let disk = Disk::new();
    goes_back(&disk, "dash", 3, 2);
    disk.set_default(3);
    left_alone(&disk, "dash", "it was done in this boot already");
}

#[test]
fn a_root_that_is_mounted_read_only_does_not_hinder() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.file("mounted", "");
        goes_back(&disk, shell, 3, 2);
    });
}

#[test]
fn who_asked_for_a_shell_gets_it() {
    for word in [
        "rd.break",
        "rd.break=pre-mount",
        "rd.shell",
        "break",
        "break=mount",
        "emergency",
        "rescue",
        "single",
        "s",
        "S",
        "1",
        "-b",
        "rd.emergency",
        "systemd.unit=rescue.target",
        "systemd.unit=emergency.target",
        "rd.systemd.unit=emergency.target",
    ] {
        let disk = Disk::new();
        disk.command_line(&format!("root=UUID=@UUID@ {word} quiet"));
        left_alone(
            &disk,
            "dash",
            &format!("'{word}' on the kernel command line asks for a shell"),
        );
    }
}

#[test]
fn the_kernel_command_line_wins() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        for words in [
            "health-checker=0",
            "health_checker=off",
            "health-checker=1 health_checker=No",
            "health-checker.action=report",
            "health-checker-reboot=disabled",
            "health_checker_reboot=disabled health-checker.action=act",
        ] {
            disk.command_line(&format!("root=UUID=@UUID@ {words}"));
            left_alone(&disk, shell, "the kernel command line says so");
        }
        disk.command_line(
            "root=UUID=@UUID@ health-checker=0 health-checker=yes rd.health-checker=0",
        );
        goes_back(&disk, shell, 3, 2);
    });
}

#[test]
fn a_boot_by_hand_changes_nothing() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.command_line("root=UUID=@UUID@ rootflags=subvol=@/.snapshots/1/snapshot");
        left_alone(
            &disk,
            shell,
            "snapshot 1 is not the default, it was booted by hand",
        );
        disk.command_line("root=UUID=@UUID@ rootflags=subvol=@/var");
        left_alone(&disk, shell, "'@/var' is not a snapshot");
    });
}

/// Nobody reads the configuration here: what health-checker made of it is in the file with the good snapshots.
#[test]
fn what_health_checker_decided_counts() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        let good = format!("{}\n{}", disk.good(2, "snap-2.conf"), disk.good(1, "-"));
        let no_rollback = "'NewSnapshot=' had no rollback at the last healthy boot";
        for text in [
            format!("new-snapshot stay\n{good}\n"),
            // Without an end of the last line, with carriage returns, with other blanks, among lines of another version.
            format!("{good}\nnew-snapshot stay"),
            format!("new-snapshot stay\r\n{good}\r\n"),
            format!(
                "\u{feff}\n \t new-snapshot\tstay  and more\nnew-snapshot perhaps\nnew-snapshot\n\0\n* ? [a]\n{good}\n"
            ),
        ] {
            disk.rescue_text(&text);
            left_alone(&disk, shell, no_rollback);
        }
        disk.set_default(2);
        disk.rescue_text(&format!("known-good-snapshot stay\n{good}\n"));
        left_alone(
            &disk,
            shell,
            "'KnownGoodSnapshot=' had no rollback at the last healthy boot",
        );
        disk.set_default(3);
        goes_back(&disk, shell, 3, 2);
    });
}

#[test]
fn a_file_of_an_older_version_or_from_another_editor_means_the_same() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        for (boot, text) in [
            disk.good(2, "-"),
            format!("{}\r\n{}\r\n", disk.good(2, "-"), disk.good(1, "-")),
            format!(
                "new-snapshot perhaps\ncontainer\nstay\n  {}",
                disk.good(2, "")
            ),
        ]
        .iter()
        .enumerate()
        {
            disk.in_snapshots(|directory| {
                let _ = fs::remove_file(directory.join("health-checker.rescued"));
            });
            disk.set_default(3);
            disk.next_boot(boot as u32);
            disk.rescue_text(text);
            goes_back(&disk, shell, 3, 2);
        }
    });
}

#[test]
fn a_line_of_the_log_without_an_end_counts() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.in_snapshots(|directory| {
            let lines = "a 3 2 initrd x\nb 3 2 initrd x\nc 3 2 initrd x";
            fs::write(directory.join("health-checker.rescued"), lines).unwrap();
        });
        left_alone(
            &disk,
            shell,
            "3 rescues since the last healthy boot are enough",
        );
    });
}

#[test]
fn nothing_is_known_to_be_good() {
    in_all_shells(|shell| {
        let disk = Disk::new();
        disk.rescue_file(&[]);
        left_alone(&disk, shell, "no other snapshot than 3 is known to be good");
        disk.in_snapshots(|directory| {
            let garbage = "good\ngood x y z\nbad 2 256 u -\ngood ../../2 256 - -\ngood 2 256 $(reboot) -\n\0\n";
            fs::write(directory.join("health-checker.rescue"), garbage).unwrap();
        });
        left_alone(&disk, shell, "no other snapshot than 3 is known to be good");
        disk.in_snapshots(|directory| {
            fs::remove_file(directory.join("health-checker.rescue")).unwrap()
        });
        left_alone(&disk, shell, "no snapshot is known to be good");
    });
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let disk = Disk::new();
    disk.in_snapshots(|directory| {
        fs::create_dir(directory.join("health-checker.rescued")).unwrap()
    });
    left_alone(&disk, "dash", "health-checker.rescued' cannot be read");
}

#[test]
fn without_a_disk_it_reboots_only_where_something_else_will_be_booted() {
    in_all_shells(|shell| {
        let mut disk = Disk::new();
        disk.hide();
        let ended = disk.rescue(shell);
        assert!(
            !ended.rebooted && ended.said.contains("would start the same again"),
            "{}",
            ended.said
        );
        disk.command_line("root=UUID=@UUID@ health-checker.boot=trial");
        assert!(disk.rescue(shell).rebooted);
    });
}
