//! Boots that go astray or begin anew: emergency and rescue mode are never healthy, a soft-reboot is judged by itself.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Ended, Machine, Release, VENDOR_PLUGINS, course, write_file, write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";

fn healthy(release: Release) -> Machine {
    let machine = Machine::builder().release(release).build("modes").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "early", PASS)?;
            write_plugin(root, ADMIN_PLUGINS, "late", PASS)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
    machine
}

/// A local file system that must be mounted and cannot be.
fn broken_fstab(root: &Path) -> anyhow::Result<()> {
    let fstab = fs::read_to_string(root.join("etc/fstab"))?;
    let line = "/nowhere /srv/data ext4 x-systemd.device-timeout=1s 0 0\n";
    write_file(root, "/etc/fstab", format!("{fstab}{line}"))
}

#[test]
fn an_update_that_falls_into_emergency_mode_is_rolled_back() {
    for release in [Release::Trixie, Release::Bookworm] {
        let machine = healthy(release);
        machine.update(broken_fstab).unwrap();
        let (boots, last) = machine.run_to_end(3).unwrap();
        assert_eq!(course(&boots), [(2, Ended::Rebooted), (1, Ended::StayedUp)]);
        let status = last.status().unwrap();
        assert_eq!(status.verdict(), ("healthy", "none"));
        assert_eq!((status.bad(), status.known_good()), (vec![2], vec![1]));
        let fell = status.incident_check("boot")["message"].as_str().unwrap();
        assert!(fell.contains("emergency mode"), "{fell}");
        assert!(fell.contains("srv-data.mount"), "{fell}");
        last.poweroff().unwrap();
    }
}

#[test]
fn a_known_good_snapshot_in_emergency_mode_is_rebooted_once_and_then_left_to_its_administrator() {
    let machine = healthy(Release::Trixie);
    machine.edit(broken_fstab).unwrap();
    let (boots, mut last) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(1, Ended::Rebooted), (1, Ended::StayedUp)]);
    last.wait("the last resort", LIMIT, |boot| {
        Ok(boot.state_of("health-checker-failsafe")? == "inactive")
    })
    .unwrap();
    assert_eq!(last.state_of("emergency.target").unwrap(), "active");
    let status = last.status().unwrap();
    assert_ne!(status.verdict().0, "healthy");
    assert_eq!(status.verdict().1, "stop");
    // Leaving emergency mode without a repair is judged, but not acted on again.
    let run = "systemctl show -P InvocationID health-checker";
    let first = last.shell(run).unwrap();
    last.shell("systemctl --no-block default").unwrap();
    last.wait("a new judgement", LIMIT, |boot| {
        let jobs = boot.shell("systemctl list-jobs --plain --no-legend")?;
        Ok(boot.shell(run)? != first && !jobs.contains("health-check"))
    })
    .unwrap();
    assert_eq!(last.state_of("emergency.target").unwrap(), "active");
    let status = last.status().unwrap();
    assert_ne!(status.verdict().0, "healthy");
    assert_eq!(status.steps(), [("reboot", "done"), ("stop", "done")]);
    // With the repair, it is healthy.
    last.shell(
        "sed -i /nowhere/d /etc/fstab; systemctl daemon-reload; systemctl --no-block default",
    )
    .unwrap();
    last.wait("the verdict after a repair", LIMIT, |boot| {
        Ok(boot.state_of("boot-complete.target")? == "active")
    })
    .unwrap();
    assert_eq!(last.status().unwrap().verdict(), ("healthy", "none"));
    last.poweroff().unwrap();
}
