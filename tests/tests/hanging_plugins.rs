//! Scenario 10: plugins that do not end: they time out, are named, and leave nothing behind.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Machine, Release, Status, VENDOR_PLUGINS, lines, write_file, write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
/// Two seconds instead of 90, and one instead of ten for those that do not obey.
const SOON: &str = "[Service]\nTimeoutStartSec=2s\nTimeoutStopSec=1s\n";
const SLEEPS: &str = "echo waiting for the moon\nexec sleep 1001\n";
const STUBBORN: &str = "trap '' TERM INT HUP\nwhile :; do sleep 1002; done\n";
/// The child ignores SIGTERM as well, and holds the output open.
const CHILD: &str = "(trap '' TERM; exec sleep 1003) &\n";

/// A plugin that does this for `check`, and nothing for `stop`.
fn checks(script: &str) -> String {
    format!("#!/bin/sh\n[ $1 = check ] || exit 0\n{script}")
}

fn machine(release: Release) -> Machine {
    let machine = Machine::builder().release(release).build("hangs").unwrap();
    machine
        .edit(|root| {
            for template in ["health-check@", "health-check-local@"] {
                let path = format!("/etc/systemd/system/{template}.service.d/limit.conf");
                write_file(root, path, SOON)?;
            }
            write_plugin(root, VENDOR_PLUGINS, "good", "#!/bin/sh\nexit 0\n")
        })
        .unwrap();
    machine
}

fn expect_timeout(status: &Status, unit: &str) {
    let check = status.of_unit(unit);
    assert_eq!(check["result"], "timeout", "{check}");
    assert!(
        check["message"].as_str().unwrap().contains("within 2 s"),
        "{check}"
    );
}

fn running(boot: &Boot, command: &str) -> bool {
    boot.run(["pgrep", "-f", command]).unwrap().status.success()
}

#[test]
fn hanging_plugins_time_out_and_are_named() {
    for release in [Release::Trixie, Release::Bookworm] {
        let machine = machine(release);
        machine
            .edit(|root| {
                write_plugin(root, VENDOR_PLUGINS, "sleeps", checks(SLEEPS))?;
                write_plugin(root, VENDOR_PLUGINS, "stubborn", checks(STUBBORN))?;
                write_plugin(root, ADMIN_PLUGINS, "sleeps", checks(SLEEPS))?;
                write_plugin(
                    root,
                    ADMIN_PLUGINS,
                    "waits for its child",
                    checks(&format!("{CHILD}wait\n")),
                )
            })
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict().0, "unhealthy");
        assert_eq!(status.check("good")["result"], "passed");
        for unit in [
            "health-check@sleeps.service",
            "health-check@stubborn.service",
            "health-check-local@sleeps.service",
            r"health-check-local@waits\x20for\x20its\x20child.service",
        ] {
            expect_timeout(&status, unit);
        }
        for command in ["sleep 1001", "sleep 1002", "sleep 1003"] {
            assert!(!running(&boot, command), "'{command}' is still running");
        }
        // What it said last helps to see what it was waiting for.
        let failed = status.0["incident"]["failed"].as_array().unwrap();
        assert_eq!(failed.len(), 4, "{failed:?}");
        let sleeps = failed
            .iter()
            .find(|check| check["unit"] == "health-check@sleeps.service");
        assert!(
            sleeps.unwrap()["log"]
                .to_string()
                .contains("waiting for the moon")
        );
        boot.poweroff().unwrap();
    }
}

#[test]
fn a_child_left_behind_delays_nothing() {
    let machine = machine(Release::Trixie);
    machine
        .edit(|root| {
            write_plugin(
                root,
                VENDOR_PLUGINS,
                "passes",
                checks(&format!("{CHILD}exit 0\n")),
            )?;
            write_plugin(
                root,
                VENDOR_PLUGINS,
                "fails",
                checks(&format!("{CHILD}exit 3\n")),
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.check("passes")["result"], "passed");
    assert!(status.check("passes")["duration_usec"].as_u64().unwrap() < 2_000_000);
    assert_eq!(status.check("fails")["exit_status"], 3);
    assert_eq!(status.check("fails")["result"], "failed");
    boot.poweroff().unwrap();
}

#[test]
fn plugins_that_hang_when_asked_to_stop_do_not_hold_up_each_other() {
    let machine = machine(Release::Trixie);
    machine
        .edit(|root| {
            // Read after the properties of the transient units.
            write_file(
                root,
                "/etc/systemd/system/health-check-stop@.service.d/90-limit.conf",
                SOON,
            )?;
            for name in ["a", "b", "c", "d", "e", "f"] {
                let script =
                    format!("#!/bin/sh\n[ $1 = check ] && exit 1\necho >> /var/{name}\n{STUBBORN}");
                write_plugin(root, VENDOR_PLUGINS, name, script)?;
            }
            write_plugin(
                root,
                VENDOR_PLUGINS,
                "z",
                "#!/bin/sh\n[ $1 = check ] && exit 1\necho >> /var/z\n",
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    boot.shell("cd /var && ls a b c d e f z").unwrap();
    let said = lines(&status.step("stop")["details"]);
    assert!(said.contains("z: stopped"), "{said}");
    assert_eq!(said.matches("stop failed").count(), 6, "{said}");
    let took = "expr $(systemctl show -P InactiveEnterTimestampMonotonic health-checker) - $(systemctl show -P InactiveExitTimestampMonotonic health-checker)";
    let took: u64 = boot.shell(took).unwrap().trim().parse().unwrap();
    assert!(
        took < 10_000_000,
        "{took} µs for six that take three seconds each"
    );
    boot.poweroff().unwrap();
}

#[test]
fn the_shipped_time_limit_is_90_seconds() {
    let machine = Machine::new("limit").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "a", "#!/bin/sh\n")?;
            write_plugin(root, ADMIN_PLUGINS, "a", "#!/bin/sh\n")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    for unit in ["health-check@a.service", "health-check-local@a.service"] {
        let limit = boot
            .run(["systemctl", "show", "-P", "TimeoutStartUSec", unit])
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&limit.stdout),
            "1min 30s\n",
            "{unit}"
        );
    }
    boot.poweroff().unwrap();
}
