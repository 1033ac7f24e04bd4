//! Boots that go astray or begin anew: emergency and rescue mode are never healthy, a soft-reboot is judged by itself.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Ended, Machine, Release, VENDOR_PLUGINS, course, write_file, write_plugin,
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

/// A soft-reboot unmounts the device that systemd-nspawn has bound to '/rootdev': a node of our own stays.
/// Not named below /dev, where systemd in a container skips it.
const KEEP_DISK: &str = "mknod /dev/disk-of-machine b $(stat -c '0x%t 0x%T' /rootdev)\n\
    ln -s /dev/disk-of-machine /run/rootdev\n\
    sed -i 's|^/rootdev|/run/rootdev|' /etc/fstab\n";

/// Switches userspace off and on again, and waits for the verdict after that.
///
/// Looks from outside until then: systemd stops all processes on the way, and a stopped nsenter(1) stays stopped.
fn soft_reboot(boot: &mut Boot) {
    let report = format!("/proc/{}/root/run/health-checker/report.json", boot.pid());
    let before = fs::read(&report).unwrap();
    boot.shell("systemctl --no-block soft-reboot").unwrap();
    boot.wait("a new report", LIMIT, |_| {
        Ok(fs::read(&report).is_ok_and(|now| now != before))
    })
    .unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
}

#[test]
fn a_soft_reboot_is_judged_anew() {
    let machine = Machine::new("soft").unwrap();
    // Writes down what is said of the boot while it is not judged yet.
    let check = "#!/bin/sh\necho >> /var/runs\nhealth-checker status --json > /var/meanwhile\n! test -e /var/broken\n";
    machine
        .edit(|root| write_plugin(root, ADMIN_PLUGINS, "late", check))
        .unwrap();
    let mut boot = machine
        .boot_with(&["health-checker.action=report"])
        .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.shell(KEEP_DISK).unwrap();
    let steps = [
        ("touch", "unhealthy", "inactive"),
        ("rm", "healthy", "active"),
    ];
    for (runs, (change, verdict, complete)) in (2..).zip(steps) {
        boot.shell(&format!("{change} /var/broken")).unwrap();
        soft_reboot(&mut boot);
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), (verdict, "none"), "{status:?}");
        assert_eq!(boot.state_of("boot-complete.target").unwrap(), complete);
        assert_eq!(
            boot.shell("wc -l < /var/runs").unwrap(),
            format!("{runs}\n")
        );
        let meanwhile = boot.json("cat /var/meanwhile").unwrap();
        assert_eq!(
            meanwhile["verdict"], "pending",
            "a stale verdict: {meanwhile}"
        );
    }
    // What is gone is gone: nothing of an earlier start is left in /run.
    boot.shell("rm /usr/local/libexec/health-checker/late")
        .unwrap();
    soft_reboot(&mut boot);
    assert_eq!(boot.status().unwrap().verdict().0, "degraded");
    soft_reboot(&mut boot);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict().0, "healthy", "{status:?}");
    assert_eq!(status.0["checks"], serde_json::json!([]));
    assert_eq!(
        boot.shell("systemctl list-units --failed --plain --no-legend 'health*'")
            .unwrap(),
        ""
    );
    let history = boot.shell("health-checker history").unwrap();
    let judged = history
        .lines()
        .filter(|line| line.starts_with("20"))
        .count();
    assert_eq!(judged, 5, "each start of userspace once: {history}");
    boot.poweroff().unwrap();
}
