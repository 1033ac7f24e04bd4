//! The runner starts while the boot still settles, and waits: whatever happens meanwhile, nothing is judged too early.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::symlink;
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, write_file, write_plugin};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";

/// Keeps the boot from settling for some seconds, and does something meanwhile, once the runner waits.
fn meanwhile(name: &str, command: &str) -> Machine {
    let machine = Machine::new(name).unwrap();
    let script = format!(
        "#!/bin/sh\nuntil systemctl list-jobs | grep -q health-check-finished; do sleep 0.1; done\n{command}\nsleep 3\ntouch /run/settled\n"
    );
    machine
        .edit(|root| {
            write_plugin(root, "/usr/libexec", "meanwhile", script)?;
            let unit = "[Service]\nType=oneshot\nExecStart=/usr/libexec/meanwhile\n";
            write_file(root, "/etc/systemd/system/meanwhile.service", unit)?;
            let wants = root.join("etc/systemd/system/multi-user.target.wants");
            symlink("../meanwhile.service", wants.join("meanwhile.service"))?;
            write_plugin(root, VENDOR_PLUGINS, "early", PASS)?;
            let late = "#!/bin/sh\ntest -e /run/settled\n";
            write_plugin(root, ADMIN_PLUGINS, "late", late)
        })
        .unwrap();
    machine
}

/// The runner was there before the boot had settled, and gave its one verdict after the checks.
fn assert_waited(boot: &Boot) {
    let time = |unit: &str, property: &str| -> u64 {
        let shown = boot.shell(&format!("systemctl show -P {property} {unit}"));
        shown.unwrap().trim().parse().unwrap()
    };
    let began = time("health-checker", "InactiveExitTimestampMonotonic");
    let settled = time("meanwhile", "ExecMainExitTimestampMonotonic");
    let judged = time("health-checker", "ActiveEnterTimestampMonotonic");
    let checked = time("health-check-local@late", "ExecMainExitTimestampMonotonic");
    assert!(
        began < settled && checked < judged,
        "{began} {settled} {checked} {judged}"
    );
    let verdicts = boot
        .journal(&[
            "-b",
            "-o",
            "cat",
            "-t",
            "health-checker",
            "-g",
            "Health check passed",
        ])
        .unwrap();
    assert_eq!(verdicts.lines().count(), 1, "{verdicts}");
}

#[test]
fn dbus_is_restarted_meanwhile() {
    let machine = meanwhile("restarts", "systemctl restart dbus.service");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
    assert_waited(&boot);
    boot.poweroff().unwrap();
}

#[test]
fn the_target_that_is_waited_for_is_cancelled_meanwhile() {
    let machine = meanwhile("cancels", "systemctl stop health-check-finished.target");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
    assert_waited(&boot);
    boot.poweroff().unwrap();
}

#[test]
fn settling_is_killed_meanwhile() {
    let kill = "systemctl kill --signal=KILL health-check-settle.service";
    let machine = meanwhile("kills", kill);
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.check("early")["result"], "passed", "{status:?}");
    let settle = status.check("settle")["message"].to_string();
    assert!(settle.contains("gave no result"), "{settle}");
    boot.poweroff().unwrap();
}

#[test]
fn nothing_happens_meanwhile_and_it_is_judged_again_later() {
    let machine = meanwhile("waits", "true");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
    assert_waited(&boot);
    boot.shell("systemctl restart health-checker").unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}
