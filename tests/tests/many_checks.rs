//! A hundred checks: all of them run at the same time, and are judged as soon as the last one is done.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use machine::{Boot, Ended, Machine, VENDOR_PLUGINS, write_file, write_plugin};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(100);
const CHECKS: usize = 100;

/// Starts a service that never gets up, and waits for it: so long systemd sends all its signals to the bus.
const LISTENER: &str = "[Service]\nExecStart=systemctl start never-up.service\n\
                        [Install]\nWantedBy=multi-user.target\n";
const NEVER_UP: &str = "[Service]\nType=oneshot\nExecStart=sleep infinity\n";

fn plugins(root: &Path, script: &str) -> Result<()> {
    (0..CHECKS).try_for_each(|n| write_plugin(root, VENDOR_PLUGINS, format!("check-{n}"), script))
}

fn results(boot: &Boot, wanted: &str) -> usize {
    let status: Value =
        serde_json::from_str(&boot.shell("health-checker status --json").unwrap()).unwrap();
    let checks = status["checks"].as_array().unwrap().clone();
    checks
        .iter()
        .filter(|check| check["result"] == wanted)
        .count()
}

/// Milliseconds between two units becoming active.
fn between(boot: &Boot, first: &str, second: &str) -> u64 {
    let time = |unit: &str| -> u64 {
        let shown = boot.shell(&format!(
            "systemctl show --value --property=ActiveEnterTimestampMonotonic {unit}"
        ));
        shown.unwrap().trim().parse().unwrap()
    };
    (time(second) - time(first)) / 1000
}

#[test]
fn a_hundred_checks_wait_at_the_same_time() {
    let machine = Machine::new("many").unwrap();
    machine
        .edit(|root| plugins(root, "#!/bin/sh\nsleep 1\n"))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(results(&boot, "passed"), CHECKS);
    let took = between(&boot, "health-check-settle.service", "boot-complete.target");
    assert!((1000..25_000).contains(&took), "{took} ms");
    boot.poweroff().unwrap();
}

/// A D-Bus client that does not read its signals gets no answers either.
#[test]
fn signals_of_systemd_to_others_do_not_hold_up_the_verdict() {
    let machine = Machine::new("signals").unwrap();
    machine
        .edit(|root| {
            plugins(root, "#!/bin/sh\nexit 0\n")?;
            let units = root.join("etc/systemd/system");
            write_file(&units, "listener.service", LISTENER)?;
            write_file(&units, "never-up.service", NEVER_UP)?;
            let link = units.join("multi-user.target.wants/listener.service");
            Ok(std::os::unix::fs::symlink("../listener.service", link)?)
        })
        .unwrap();
    let mut boot = machine.boot().unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert_eq!(results(&boot, "passed"), CHECKS);
    // A call that is not answered is given up after 30 s.
    let took = between(&boot, "health-check-settle.service", "boot-complete.target");
    assert!(took < 25_000, "{took} ms");
    boot.shell("systemctl is-active listener.service").unwrap();
    boot.poweroff().unwrap();
}

/// The verdict waits for the slowest check also when a quick one failed long before.
#[test]
fn a_quick_failure_does_not_cut_off_the_others() {
    let machine = Machine::new("slowest").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "quick", "#!/bin/sh\nexit 1\n")?;
            write_plugin(
                root,
                VENDOR_PLUGINS,
                "slow",
                "#!/bin/sh\n[ \"$1\" = check ] || exit 0\nsleep 3\nexit 7\n",
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(results(&boot, "failed"), 2);
    let status = boot.shell("health-checker status --json").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    let failed = status["incident"]["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "{status}");
    boot.poweroff().unwrap();
}
