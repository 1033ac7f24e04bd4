//! Scenarios 2, 3 and 7: an update that breaks the machine is undone, to the newest good snapshot that is still there.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::Ended::{Rebooted, StayedUp};
use machine::{Boot, Machine, VENDOR_PLUGINS, course, lines, write_plugin};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";
const FAIL: &str = "#!/bin/sh\nexit 1\n";

/// The plugin of health-checker 1.x.
const SSHD: &str = "#!/bin/bash
run_checks() {
    systemctl is-failed -q ssh
    test $? -ne 1 && exit 1
}
stop_services() {
    systemctl stop ssh
}
case \"$1\" in
    check) run_checks ;;
    stop) stop_services ;;
    *) echo \"Usage: $0 {check|stop}\"; exit 1 ;;
esac
exit 0
";

/// A machine whose snapshot 1 is known good.
fn good_machine(name: &str) -> Machine {
    let machine = Machine::new(name).unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", PASS))
        .unwrap();
    boot_healthy(&machine);
    machine
}

fn boot_healthy(machine: &Machine) {
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}

/// What the next boot takes, asked inside.
fn default_snapshot(boot: &Boot) -> u64 {
    let answer = boot.shell("btrfs subvolume get-default /").unwrap();
    let path = answer.split_whitespace().last().unwrap();
    path.split('/').rev().nth(1).unwrap().parse().unwrap()
}

/// An update that brings a check which fails; returns the number of its snapshot.
fn bad_update(machine: &Machine, check: &str) -> u64 {
    machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, check, FAIL))
        .unwrap()
}

#[test]
fn an_update_that_removes_sshd_is_undone_and_told_until_acknowledged() {
    let machine = Machine::new("seed").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "sshd", SSHD))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.shell("transactional-update pkg rm openssh-server")
        .unwrap();
    boot.reboot().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    assert_eq!(default_snapshot(&boot), 1);
    boot.shell("dpkg --status openssh-server; systemctl is-active ssh boot-complete.target")
        .unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![2]));
    assert_eq!(status.incident_failed(), [(2, "sshd")]);
    assert_eq!(status.steps(), [("rollback", "done")]);
    assert_eq!(status.step("rollback")["target"]["number"], 1);
    assert_eq!(status.incident()["ended"]["snapshot"]["number"], 1);
    // What administrators of 1.x search for.
    let journal = boot
        .journal(&["-b", "-1", "-u", "health-checker", "-o", "cat"])
        .unwrap();
    for promised in [
        "\"/usr/libexec/health-checker/sshd check\" failed",
        "Machine didn't come up correctly, do a rollback",
    ] {
        assert!(journal.contains(promised), "{journal}");
    }
    boot.poweroff().unwrap();

    // Told again after the next healthy boot, until somebody has read it.
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let told = boot.shell("health-checker status").unwrap();
    assert!(told.contains("sshd"), "{told}");
    assert!(
        told.contains("Incident") && told.contains("rollback"),
        "{told}"
    );
    boot.shell("health-checker reset").unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.incident(), &json!(null));
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![2]));
    let history = boot.shell("health-checker history").unwrap();
    assert!(history.contains("Incident"), "{history}");
    // The same for programs.
    let history = boot.shell("health-checker history --json").unwrap();
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let verdicts: Vec<_> = history["boots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|boot| (&boot["snapshot"]["number"], &boot["verdict"]))
        .collect();
    let (one, two) = (json!(1), json!(2));
    let (healthy, unhealthy) = (json!("healthy"), json!("unhealthy"));
    assert_eq!(
        verdicts,
        [
            (&one, &healthy),
            (&one, &healthy),
            (&two, &unhealthy),
            (&one, &healthy)
        ]
    );
    let failed = &history["incidents"][0]["failed"][0];
    assert_eq!(
        (&failed["name"], &failed["snapshot"]["number"]),
        (&json!("sshd"), &two)
    );
    assert_eq!(failed["deployment"]["label"], "snapshot 2");
    let booted = &status.0["deployment"];
    assert_eq!(
        (&booted["kind"], &booted["label"]),
        (&json!("snapper"), &json!("snapshot 1"))
    );
    let snapshot = &status.0["snapshot"];
    let id = format!(
        "snapper:1:{}:{}",
        snapshot["id"],
        snapshot["uuid"].as_str().unwrap()
    );
    assert_eq!(booted["id"], id);
    boot.poweroff().unwrap();
}

#[test]
fn two_of_five_checks_fail_and_both_are_named_with_what_they_said() {
    let machine = good_machine("two-of-five");
    machine
        .update(|root| {
            for name in ["cpu", "memory"] {
                write_plugin(root, VENDOR_PLUGINS, name, PASS)?;
            }
            let web = "#!/bin/sh\nfor n in $(seq 30); do echo \"line $n\"; done\necho 'web does not answer' >&2\nexit 7\n";
            write_plugin(root, VENDOR_PLUGINS, "web", web)?;
            let mail = "#!/bin/sh\necho 'no mail today'\nexit 3\n";
            write_plugin(root, VENDOR_PLUGINS, "mail", mail)
        })
        .unwrap();

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    let mut failed = status.incident_failed();
    failed.sort_unstable();
    assert_eq!(failed, [(2, "mail"), (2, "web")]);
    for (name, exit_status, said) in [
        ("mail", 3, "no mail today"),
        ("web", 7, "web does not answer"),
    ] {
        let check = status.incident_check(name);
        assert_eq!(check["exit_status"], exit_status);
        assert_eq!(check["result"], "failed");
        assert!(lines(&check["log"]).contains(said), "{check}");
    }
    // The last 20 lines of it.
    let web = lines(&status.incident_check("web")["log"]);
    assert!(
        web.lines().count() <= 20 && web.contains("line 30\n"),
        "{web}"
    );
    assert!(!web.contains("line 5\n"), "{web}");
    // Remembered, exactly this one.
    assert_eq!(status.bad(), [2]);
    let uuid = boot
        .shell("btrfs subvolume show /.snapshots/2/snapshot | sed -n 's/^\\tUUID:[ \\t]*//p'")
        .unwrap();
    assert_eq!(status.0["bad"][0]["uuid"], uuid.trim());
    boot.poweroff().unwrap();
}

#[test]
fn two_bad_updates_in_a_row_are_undone_one_after_the_other() {
    let machine = good_machine("twice");
    assert_eq!(bad_update(&machine, "first"), 2);
    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    boot.poweroff().unwrap();

    assert_eq!(bad_update(&machine, "second"), 3);
    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(3, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![3, 2]));
    // The newest incident is shown, the one before is not forgotten.
    assert_eq!(status.incident_failed(), [(3, "second")]);
    let history = boot.shell("health-checker history").unwrap();
    assert!(
        history.contains("first") && history.contains("second"),
        "{history}"
    );
    boot.poweroff().unwrap();
}

#[test]
fn where_the_last_good_snapshot_was_deleted_the_next_older_one_is_taken() {
    let machine = good_machine("deleted");
    machine.update(|_| Ok(())).unwrap();
    boot_healthy(&machine);
    assert_eq!(bad_update(&machine, "bad"), 3);
    machine.delete_snapshot(2).unwrap();

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(3, Rebooted), (1, StayedUp)]);
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}

#[test]
fn another_snapshot_under_the_number_of_a_good_one_is_not_taken() {
    let machine = good_machine("reused");
    machine.update(|_| Ok(())).unwrap();
    boot_healthy(&machine);
    // snapper gives a number again when the newest snapshot was deleted.
    machine.set_default(1).unwrap();
    machine.delete_snapshot(2).unwrap();
    assert_eq!(machine.new_snapshot(1).unwrap(), 2);
    assert_eq!(bad_update(&machine, "bad"), 3);

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(3, Rebooted), (1, StayedUp)]);
    boot.poweroff().unwrap();
}

#[test]
fn what_health_checker_1_13_knew_to_be_good_is_gone_back_to() {
    let machine = Machine::new("legacy").unwrap();
    let mut boot = machine.boot_with(&["health-checker=0"]).unwrap();
    boot.wait_finished().unwrap();
    boot.shell(
        "mkdir -p /var/lib/misc; printf 'LAST_WORKING_BTRFS_ID=%s\\nLAST_WORKING_SNAPSHOT=@/.snapshots/1/snapshot\\n' \"$(btrfs inspect-internal rootid /)\" > /var/lib/misc/health-check.state; ! test -e /var/lib/health-checker/state.json",
    )
    .unwrap();
    boot.poweroff().unwrap();
    assert_eq!(bad_update(&machine, "bad"), 2);

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![2]));
    boot.poweroff().unwrap();
}

#[test]
fn marks_in_snappers_userdata_replace_a_lost_var() {
    let machine = good_machine("marks");
    machine.update(|_| Ok(())).unwrap();
    boot_healthy(&machine);
    assert_eq!(bad_update(&machine, "bad"), 3);
    machine
        .edit(|root| {
            std::fs::remove_dir_all(root.join("var/lib"))?;
            Ok(std::fs::create_dir(root.join("var/lib"))?)
        })
        .unwrap();

    let (boots, boot) = machine.run_to_end(5).unwrap();
    assert_eq!(course(&boots), [(3, Rebooted), (2, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!((status.known_good(), status.bad()), (vec![2, 1], vec![3]));
    assert_eq!(status.incident_failed(), [(3, "bad")]);
    boot.poweroff().unwrap();
}

#[test]
fn a_failure_that_the_rollback_does_not_cure_ends_there() {
    // Not the update's fault: what is broken is in /var, which no rollback touches.
    let machine = good_machine("not-the-update");
    machine
        .edit(|root| {
            let check = "#!/bin/sh\ntest ! -e /var/broken\n";
            write_plugin(root, VENDOR_PLUGINS, "disk", check)
        })
        .unwrap();
    machine.update(|_| Ok(())).unwrap();
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/broken"), "")?))
        .unwrap();

    let (boots, boot) = machine.run_to_end(6).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    assert_eq!(status.incident_failed(), [(1, "disk"), (2, "disk")]);
    boot.poweroff().unwrap();
}
