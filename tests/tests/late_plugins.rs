//! Scenario 9: plugins of the administrator below /usr/local, which is mounted after the generators ran.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Ended, Machine, Release, VENDOR_PLUGINS, write_file, write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";
const RELEASES: [Release; 2] = [Release::Trixie, Release::Bookworm];
/// As administrators write it who want the machine to come up without it.
const NOT_THERE: &str = "/nowhere /usr/local ext4 nofail,x-systemd.device-timeout=1s 0 0\n";

/// With a plugin that takes a moment, so that a verdict that does not await it is seen.
fn with_late_plugin(release: Release, exit_status: u8) -> Machine {
    let machine = Machine::builder().release(release).build("late").unwrap();
    let script = format!(
        "#!/bin/sh\n[ $1 = check ] || exit 2\nsleep 1\necho ran >> /var/ran\nexit {exit_status}\n"
    );
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "early", PASS)?;
            write_plugin(root, ADMIN_PLUGINS, "late.sh", script)
        })
        .unwrap();
    machine
}

fn verdict(machine: &Machine) -> Boot {
    machine.boot_until_verdict(LIMIT).unwrap()
}

/// Takes the line of /usr/local out of fstab, and puts another one in its place.
fn mount_instead(root: &Path, line: &str) -> anyhow::Result<()> {
    let fstab = fs::read_to_string(root.join("etc/fstab"))?;
    let others = fstab
        .lines()
        .filter(|line| !line.contains(" /usr/local "))
        .collect::<Vec<_>>()
        .join("\n");
    write_file(root, "/etc/fstab", format!("{others}\n{line}"))
}

#[test]
fn a_late_plugin_runs_and_is_awaited() {
    for release in RELEASES {
        let machine = with_late_plugin(release, 0);
        let boot = verdict(&machine);
        let status = boot.status().unwrap();
        assert_eq!(status.verdict().0, "healthy", "{status:?}");
        let late = status.of_unit("health-check-local@late.sh.service");
        assert_eq!(late["result"], "passed");
        assert_eq!(late["source"], "/usr/local/libexec/health-checker/late.sh");
        assert!(late["duration_usec"].as_u64().unwrap() > 900_000);
        assert_eq!(
            status.of_unit("health-check@early.service")["result"],
            "passed"
        );
        assert_eq!(boot.shell("cat /var/ran").unwrap(), "ran\n");
        // systemd knows it as any other unit, and a later reload, at which generators see it, changes nothing.
        let look = "systemctl show -P Slice -P Description -P ActiveState -P SubState health-check-local@late.sh";
        let before = boot.shell(look).unwrap();
        assert_eq!(
            before,
            "healthcheck.slice\nHealth check late.sh\nactive\nexited\n"
        );
        boot.shell("systemctl daemon-reload").unwrap();
        assert_eq!(boot.shell(look).unwrap(), before);
        assert_eq!(boot.status().unwrap().verdict().0, "healthy");
        assert_eq!(boot.shell("cat /var/ran").unwrap(), "ran\n");
        boot.poweroff().unwrap();
    }
}

#[test]
fn a_late_plugin_that_fails_fails_the_boot() {
    for release in RELEASES {
        let machine = with_late_plugin(release, 7);
        let boot = verdict(&machine);
        let status = boot.status().unwrap();
        assert_eq!(status.verdict().0, "unhealthy", "{status:?}");
        let late = status.check("late.sh");
        assert_eq!(
            (&late["result"], &late["exit_status"]),
            (&"failed".into(), &7.into())
        );
        assert_eq!(boot.state_of("boot-complete.target").unwrap(), "inactive");
        assert_eq!(boot.state_of("health-checker").unwrap(), "failed");
        boot.poweroff().unwrap();
    }
}

#[test]
fn a_check_whose_file_system_is_not_mounted_fails_the_boot() {
    let machine = with_late_plugin(Release::Trixie, 0);
    verdict(&machine).poweroff().unwrap();
    machine
        .update(|root| mount_instead(root, NOT_THERE))
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        boots[0].ended,
        Ended::Rebooted,
        "the update lost a file system"
    );
    assert_eq!((last.snapshot(), boots.len()), (Some(1), 2));
    let status = last.status().unwrap();
    assert_eq!(status.verdict().0, "healthy");
    let failed = &status.0["incident"]["failed"];
    assert_eq!(
        failed.as_array().unwrap().len(),
        1,
        "only what is lost has failed: {failed}"
    );
    assert_eq!(failed[0]["name"], "late.sh");
    let message = failed[0]["message"].as_str().unwrap();
    assert!(
        message.contains("'/usr/local/libexec/health-checker/late.sh'"),
        "{message}"
    );
    assert!(message.contains("'/usr/local' is not mounted"), "{message}");
    last.poweroff().unwrap();
}

#[test]
fn a_check_that_was_removed_is_reported_once() {
    let machine = with_late_plugin(Release::Trixie, 0);
    verdict(&machine).poweroff().unwrap();
    machine
        .edit(|root| {
            Ok(fs::remove_file(
                root.join("usr/local/libexec/health-checker/late.sh"),
            )?)
        })
        .unwrap();
    let boot = verdict(&machine);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict().0, "degraded", "{status:?}");
    let gone = status.check("late.sh");
    assert_eq!(gone["severity"], "wanted");
    assert!(gone["message"].as_str().unwrap().contains("gone"), "{gone}");
    assert_eq!(boot.state_of("boot-complete.target").unwrap(), "active");
    boot.poweroff().unwrap();

    let boot = verdict(&machine);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict().0, "healthy", "{status:?}");
    assert!(status.check("late.sh").is_null());
    boot.poweroff().unwrap();
}
