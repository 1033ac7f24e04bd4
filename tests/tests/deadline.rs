//! Boots that never come to a verdict by themselves: a start job that hangs, a runner that nobody starts, emergency mode.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::fs;

use machine::{Ended, Machine, course, write_file, write_unit};
use trouble::{LIMIT, assert_good, known_good, late_var, mask};

/// A deadline that a test can wait for.
fn with_deadline(name: &str, seconds: u32) -> Machine {
    let machine = known_good(name);
    let text = format!("[Boot]\nDeadlineSec={seconds}s\n");
    machine
        .edit(|root| {
            write_file(
                root,
                "/etc/health-checker/health-checker.conf.d/test.conf",
                text,
            )
        })
        .unwrap();
    machine
}

/// Everything waits for it, and it never ends.
const HANGS: &str = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n\
    ExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n[Install]\nWantedBy=sysinit.target\n";

#[test]
fn a_new_snapshot_that_hangs_in_a_start_job_is_rolled_back_at_the_deadline() {
    let machine = with_deadline("hangs", 15);
    let bad = machine
        .update(|root| write_unit(root, "hangs.service", HANGS))
        .unwrap();
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_good(&last, bad);
    let status = last.status().unwrap();
    let message = status.incident_check("deadline")["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("no verdict in time"), "{message}");
    assert!(message.contains("hangs.service"), "{message}");
    last.poweroff().unwrap();
}

#[test]
fn a_known_good_one_that_hangs_is_rebooted_once_and_then_left_to_its_administrator() {
    let machine = with_deadline("good-hangs", 15);
    machine
        .edit(|root| write_unit(root, "hangs.service", HANGS))
        .unwrap();
    let mut boot = machine.boot().unwrap();
    boot.wait("the end", LIMIT, |boot| Ok(boot.run(["true"]).is_err()))
        .unwrap_or_default();
    drop(boot);
    let mut boot = machine.boot().unwrap();
    boot.wait("the last resort", LIMIT, |boot| {
        let steps = boot.status()?;
        Ok(steps.steps().contains(&("stop", "done")))
    })
    .unwrap();
    assert_eq!(
        boot.status().unwrap().steps(),
        [("reboot", "done"), ("stop", "done")]
    );
    boot.poweroff().unwrap();
}

#[test]
fn a_verdict_in_time_is_all_that_is_wanted() {
    let machine = with_deadline("in-time", 8);
    let mut boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.wait("the deadline", LIMIT, |boot| {
        let ran =
            "systemctl show -P ExecMainStartTimestampMonotonic health-checker-deadline.service";
        Ok(boot.shell(ran)?.trim() != "0")
    })
    .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(
        (status.verdict(), status.steps()),
        (("healthy", "none"), vec![])
    );
    boot.poweroff().unwrap();
}

#[test]
fn a_runner_whose_job_was_lost_is_started_at_the_deadline() {
    let machine = with_deadline("lost-job", 10);
    // Its job is dropped, as systemd does it to break a cycle.
    let thief = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n\
        ExecStart=/usr/bin/systemctl stop health-checker.service\n[Install]\nWantedBy=sysinit.target\n";
    machine
        .edit(|root| write_unit(root, "thief.service", thief))
        .unwrap();
    let mut boot = machine.boot().unwrap();
    boot.wait("the verdict", LIMIT, |boot| {
        Ok(boot.status()?.verdict() == ("healthy", "none"))
    })
    .unwrap();
    let said = boot
        .journal(&["-b", "-u", "health-checker-deadline", "-o", "cat"])
        .unwrap();
    assert!(said.contains("never started in this boot"), "{said}");
    assert_eq!(boot.state_of("boot-complete.target").unwrap(), "active");
    boot.poweroff().unwrap();
}

#[test]
fn an_emergency_in_which_the_runner_has_no_chance_is_decided_nevertheless() {
    let machine = known_good("emergency");
    let bad = machine
        .update(|root| {
            let fstab = fs::read_to_string(root.join("etc/fstab"))?;
            let line = "/nowhere /srv/data ext4 x-systemd.device-timeout=1s 0 0\n";
            write_file(root, "/etc/fstab", format!("{fstab}{line}"))?;
            // Not there yet when the mode is entered: the state is on it.
            late_var(root)?;
            // Its job fails with what it requires, and nobody comes because of that.
            mask(root, "health-checker-failsafe.service");
            write_file(
                root,
                "/etc/systemd/system/health-checker.service.d/test.conf",
                "[Unit]\nRequires=local-fs.target\n",
            )
        })
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_good(&last, bad);
    let status = last.status().unwrap();
    let fell = status.incident_check("boot")["message"].as_str().unwrap();
    assert!(fell.contains("emergency mode"), "{fell}");
    assert!(fell.contains("srv-data.mount"), "{fell}");
    let said = last
        .shell("journalctl -b -1 -u health-checker-emergency -o cat")
        .unwrap();
    assert!(said.contains("going back to snapshot 1"), "{said}");
    assert!(!said.contains("cannot be written down"), "{said}");
    last.poweroff().unwrap();
}
