//! Scenario 15: state that is damaged, foreign or cannot be written. Never a crash, never a reason to act, and no
//! action without a durable intent, except the rollback of a new snapshot.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::fs;
use std::path::Path;
use std::process::Command;

use machine::{Ended, Machine, course, write_file};
use trouble::{
    FAILING, LIMIT, assert_good, broken_update, known_good, mask, mount_options, only_reported,
    rolled_back, warnings,
};

const STATE: &str = "var/lib/health-checker/state.json";

/// Boots to a good verdict, which must come with a warning about something.
fn healthy_with_warning(machine: &Machine, about: &str) {
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_good(&boot, 1);
    let warnings = warnings(&boot);
    assert!(warnings.contains(about), "'{about}' is not in '{warnings}'");
    boot.shell("systemctl is-active boot-complete.target health-checker.service")
        .unwrap();
    boot.poweroff().unwrap();
}

/// Without a place for its intent: a failing known good snapshot is only reported, a bad update rolled back, and then
/// nothing more.
fn limited(machine: &Machine, edit: impl FnOnce(&Path)) {
    machine.edit(|root| write_file(root, FAILING, "")).unwrap();
    only_reported(machine).poweroff().unwrap();
    machine
        .edit(|root| Ok(fs::remove_file(root.join("etc/failing"))?))
        .unwrap();
    broken_update(machine, edit);
    rolled_back(machine).poweroff().unwrap();
}

#[test]
fn a_damaged_or_foreign_state_is_replaced_by_what_is_left_of_it() {
    let machine = known_good("damaged");
    let damages = [
        "",
        "{\"version\": 1, \"known_good\": [{",
        "garbage \u{1}",
        "{\"version\": 3}",
        "[]",
    ];
    for (count, damage) in damages.into_iter().enumerate() {
        machine
            .edit(|root| write_file(root, STATE, damage))
            .unwrap();
        healthy_with_warning(&machine, "/var/lib/health-checker/state.json");
        let kept = format!("{STATE}.damaged-{}", count + 1);
        assert_eq!(machine.read(kept).unwrap(), damage);
        // Repaired, and nothing is wrong any more.
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        assert_eq!(warnings(&boot), "");
        boot.poweroff().unwrap();
    }
    // Known good by the legacy file or by snapper's userdata: each is enough for the rollback of an update.
    for left in ["var/lib/misc/health-check.state", "nothing"] {
        machine
            .edit(|root| {
                let _ = fs::remove_file(root.join(left));
                write_file(root, STATE, "")
            })
            .unwrap();
        broken_update(&machine, |_| {});
        let (boots, last) = machine.run_to_end(4).unwrap();
        assert_eq!(boots.last().unwrap().snapshot, Some(1), "{boots:?}");
        assert_eq!(boots.len(), 2);
        last.poweroff().unwrap();
        let bad = *machine.snapshots().unwrap().last().unwrap();
        machine.delete_snapshot(bad).unwrap();
    }
}

/// Valid, but what counts is not in it any more, or is there twice: the bad update is rolled back all the same.
#[test]
fn an_emptied_state_or_one_that_says_things_twice() {
    let machine = known_good("emptied");
    for (text, about, is_damaged) in [
        ("{\"version\":1}", "names nothing good that exists", false),
        (
            "{\"version\":1,\"known_good\":[{\"number\":7,\"id\":9,\"uuid\":\"gone\",\"settled\":true}]}",
            "names nothing good that exists",
            false,
        ),
        (
            "{\"version\":1,\"known_good\":[],\"known_good\":[]}",
            "'known_good' is there twice",
            true,
        ),
    ] {
        machine.edit(|root| write_file(root, STATE, text)).unwrap();
        let bad = broken_update(&machine, |_| {});
        rolled_back(&machine).poweroff().unwrap();
        let kept = machine.read(format!("{STATE}.damaged-1"));
        assert_eq!(kept.ok(), is_damaged.then(|| text.to_owned()));
        machine.delete_snapshot(bad).unwrap();
        machine.edit(|root| write_file(root, STATE, text)).unwrap();
        healthy_with_warning(&machine, about);
    }
}

#[test]
fn a_directory_in_place_of_the_state() {
    let machine = known_good("directory");
    machine
        .edit(|root| {
            fs::remove_file(root.join(STATE))?;
            Ok(fs::create_dir(root.join(STATE))?)
        })
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker/state.json");
    // It was put aside, so that there is a state again.
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(warnings(&boot), "");
    boot.poweroff().unwrap();
    broken_update(&machine, |_| {});
    rolled_back(&machine).poweroff().unwrap();
}

#[test]
fn an_immutable_state() {
    let machine = known_good("immutable");
    machine
        .edit(|root| attributes(&["+i"], &root.join(STATE)))
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker/state.json");
    limited(&machine, |_| {});
    machine
        .edit(|root| attributes(&["-i"], &root.join(STATE)))
        .unwrap();
}

fn attributes(change: &[&str], path: &Path) -> anyhow::Result<()> {
    assert!(
        Command::new("chattr")
            .args(change)
            .arg(path)
            .status()?
            .success()
    );
    Ok(())
}

#[test]
fn var_read_only() {
    let machine = known_good("ro-var");
    machine
        .edit(|root| {
            mount_options(root, "/var", "ro");
            Ok(())
        })
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker");
    limited(&machine, |_| {});
}

#[test]
fn var_broken_by_the_update() {
    let machine = known_good("new-ro-var");
    broken_update(&machine, |root| mount_options(root, "/var", "ro"));
    let last = rolled_back(&machine);
    assert_eq!(warnings(&last), "");
    // The boot that could not write it down left a note of it beside its snapshot.
    let status = last.status().unwrap().0;
    assert_eq!(status["incident"]["snapshot"]["number"], 2, "{status:#}");
    assert_eq!(status["incident"]["steps"][0]["progress"], "done");
    assert_eq!(status["bad"][0]["number"], 2);
    last.shell("health-checker reset && ! ls /.snapshots/2/health-checker-incident.json")
        .unwrap();
    last.poweroff().unwrap();
    // Missing, and so much that the boot falls into emergency mode.
    broken_update(&machine, |root| mount_options(root, "/var", "nonsense=1"));
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(3, Ended::Rebooted), (1, Ended::StayedUp)]);
    last.poweroff().unwrap();
}

#[test]
fn var_missing() {
    let machine = known_good("no-var");
    machine
        .edit(|root| {
            mask(root, "var.mount");
            Ok(())
        })
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker");
    limited(&machine, |_| {});
}

#[test]
fn var_full() {
    let machine = known_good("full-var");
    machine
        .edit(|root| {
            for arguments in [&["quota", "enable"][..], &["qgroup", "limit", "1M"]] {
                assert!(
                    Command::new("btrfs")
                        .args(arguments)
                        .arg(root.join("var"))
                        .status()?
                        .success()
                );
            }
            Ok(())
        })
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker");
    limited(&machine, |_| {});
}

#[test]
fn var_in_memory_is_no_place_for_an_intent() {
    // Forgotten at each reboot, an intent would limit nothing: a failing known good snapshot would reboot for ever.
    let machine = known_good("tmpfs-var");
    machine
        .edit(|root| {
            let table =
                fs::read_to_string(root.join("etc/fstab"))? + "tmpfs /var/lib tmpfs mode=755 0 0\n";
            write_file(root, "/etc/fstab", table)
        })
        .unwrap();
    healthy_with_warning(&machine, "/var/lib/health-checker");
    limited(&machine, |_| {});
}
