//! Scenarios 4, 5 and 6: what happens when a snapshot fails that nobody updated, step by step, with every boot counted.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::Ended::{Rebooted, StayedUp};
use machine::{Boot, Machine, VENDOR_PLUGINS, course, lines, write_file, write_plugin};

const LIMIT: Duration = Duration::from_secs(60);

/// Fails as long as '/var/broken' exists, which no rollback touches; 'stop' leaves a note for the boot it was called in.
const DISK: &str = "#!/bin/sh
case $1 in
    check) test ! -e /var/broken ;;
    stop) echo disk >> /run/stopped ;;
esac
";

/// Whether the service runs, as plugins should ask.
const SHOP: &str = "#!/bin/sh
case $1 in
    check) systemctl is-active --quiet shop ;;
    stop) echo shop >> /run/stopped; systemctl stop shop ;;
esac
";

fn verdict(machine: &Machine) -> Boot {
    machine.boot_until_verdict(LIMIT).unwrap()
}

/// Writes a service that is started at boot.
fn write_service(root: &std::path::Path, name: &str, content: &str) -> anyhow::Result<()> {
    write_file(root, format!("/etc/systemd/system/{name}"), content)?;
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    Ok(std::os::unix::fs::symlink(
        format!("../{name}"),
        wants.join(name),
    )?)
}

fn break_it(machine: &Machine) {
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/broken"), "")?))
        .unwrap();
}

/// What administrators need most of a machine that is not well.
fn assert_reachable(boot: &Boot) {
    boot.shell("systemctl is-active multi-user.target ssh")
        .unwrap();
    let hello = boot
        .run([
            "timeout",
            "10",
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/22; head -n 1 <&3",
        ])
        .unwrap();
    assert!(hello.stdout.starts_with(b"SSH-2.0-"), "{hello:?}");
}

#[test]
fn a_service_that_failed_once_is_restarted_and_that_is_all() {
    let machine = Machine::new("once").unwrap();
    machine
        .edit(|root| {
            let shop = "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'test ! -e /var/once || { rm /var/once; exit 1; }; systemd-notify --ready; exec sleep infinity'\n";
            write_service(root, "shop.service", shop)?;
            write_plugin(root, VENDOR_PLUGINS, "disk", DISK)?;
            write_plugin(root, VENDOR_PLUGINS, "shop", SHOP)
        })
        .unwrap();
    verdict(&machine).poweroff().unwrap();
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/once"), "")?))
        .unwrap();

    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.check("shop")["result"], "passed");
    // Reported: what failed, what was restarted, and that it helped.
    assert_eq!(status.incident_failed(), [(1, "shop")]);
    assert_eq!(status.steps(), [("restart", "done")]);
    let details = lines(&status.step("restart")["details"]);
    assert_eq!(details, "shop.service: restarted, done");
    assert_eq!(status.incident()["ended"]["snapshot"]["number"], 1);
    boot.shell("systemctl is-active shop health-check.target health-checker boot-complete.target; test ! -e /run/stopped").unwrap();
    assert_eq!(boot.shell("systemctl --failed --quiet").unwrap(), "");
    boot.poweroff().unwrap();
}

#[test]
fn a_crash_looping_service_is_restarted_too() {
    let machine = Machine::new("loop").unwrap();
    machine
        .edit(|root| {
            // The shop cannot live without its data base, which failed; systemd starts the shop again and again.
            let db = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'test ! -e /var/once || { rm /var/once; exit 1; }; touch /run/db'\n";
            write_service(root, "db.service", db)?;
            let shop = "[Unit]\nAfter=db.service\nStartLimitIntervalSec=0\n[Service]\nType=notify\nNotifyAccess=all\nRestart=always\nRestartSec=1h\nExecStart=/bin/sh -c 'test -e /run/db || exit 1; systemd-notify --ready; exec sleep infinity'\n";
            write_service(root, "shop.service", shop)?;
            write_plugin(root, VENDOR_PLUGINS, "shop", SHOP)
        })
        .unwrap();
    verdict(&machine).poweroff().unwrap();
    machine
        .edit(|root| Ok(std::fs::write(root.join("var/once"), "")?))
        .unwrap();

    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.steps(), [("restart", "done")]);
    let details = lines(&status.step("restart")["details"]);
    for service in ["db.service", "shop.service"] {
        assert!(
            details.contains(&format!("{service}: restarted, done")),
            "{details}"
        );
    }
    boot.shell("systemctl is-active shop boot-complete.target")
        .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn the_whole_ladder_and_then_no_more() {
    let machine = Machine::new("ladder").unwrap();
    machine
        .edit(|root| {
            let failed = "[Service]\nType=oneshot\nExecStart=test ! -e /var/broken\n";
            write_service(root, "data.service", failed)?;
            write_plugin(root, VENDOR_PLUGINS, "disk", DISK)
        })
        .unwrap();
    verdict(&machine).poweroff().unwrap();
    machine.update(|_| Ok(())).unwrap();
    verdict(&machine).poweroff().unwrap();
    break_it(&machine);

    // Restart and reboot in 2; rollback from 2; 1 fails too: stop. Nothing of it twice.
    let (boots, boot) = machine.run_to_end(8).unwrap();
    assert_eq!(
        course(&boots),
        [(2, Rebooted), (2, Rebooted), (1, StayedUp)]
    );
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    assert_eq!(status.failed(), ["disk"]);
    assert_eq!(
        status.steps(),
        [
            ("restart", "done"),
            ("reboot", "done"),
            ("rollback", "done"),
            ("stop", "done")
        ]
    );
    assert_eq!(
        lines(&status.step("restart")["details"]),
        "data.service: restarted, failed"
    );
    assert_eq!(status.bad(), [2]);
    assert_eq!(boot.shell("cat /run/stopped").unwrap(), "disk\n");
    assert_eq!(
        boot.run(["systemctl", "is-active", "boot-complete.target"])
            .unwrap()
            .status
            .code(),
        Some(3)
    );
    assert_reachable(&boot);
    boot.reboot().unwrap();

    // Whoever boots it again by hand gets a machine that stays up.
    for _ in 0..2 {
        let (boots, boot) = machine.run_to_end(3).unwrap();
        assert_eq!(course(&boots), [(1, StayedUp)]);
        assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));
        assert_reachable(&boot);
        boot.reboot().unwrap();
    }

    // Repaired: healthy, and the next incident has its whole ladder again.
    machine
        .edit(|root| Ok(std::fs::remove_file(root.join("var/broken"))?))
        .unwrap();
    let boot = verdict(&machine);
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
    break_it(&machine);
    let (boots, boot) = machine.run_to_end(8).unwrap();
    // There is no older good one than 1.
    assert_eq!(course(&boots), [(1, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(
        status.steps(),
        [("restart", "done"), ("reboot", "done"), ("stop", "done")]
    );
    boot.poweroff().unwrap();
}

#[test]
fn with_nothing_known_good_services_are_stopped_and_the_machine_is_reachable() {
    let machine = Machine::new("nothing-good").unwrap();
    machine
        .edit(|root| {
            let shop = "[Service]\nExecStart=sleep infinity\n";
            write_service(root, "shop.service", shop)?;
            write_plugin(root, VENDOR_PLUGINS, "shop", SHOP)?;
            write_plugin(root, VENDOR_PLUGINS, "disk", DISK)
        })
        .unwrap();
    break_it(&machine);

    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    assert_eq!(status.known_good(), [0_u64; 0]);
    assert_eq!(status.steps(), [("stop", "done")]);
    // Every plugin is called, the one that passed as well.
    assert_eq!(boot.shell("sort /run/stopped").unwrap(), "disk\nshop\n");
    boot.shell("! systemctl is-active shop").unwrap();
    assert_reachable(&boot);
    boot.shell("! test -e /var/lib/misc/health-check.state")
        .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn after_a_repair_by_hand_a_restart_of_the_service_makes_the_machine_healthy() {
    let machine = Machine::new("repaired").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", DISK))
        .unwrap();
    break_it(&machine);
    let mut boot = verdict(&machine);
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));

    // Not repaired: says so, and does nothing.
    boot.shell("! systemctl restart health-checker").unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "none"));
    boot.shell("! systemctl is-active boot-complete.target")
        .unwrap();

    boot.shell("rm /var/broken; systemctl restart health-checker")
        .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [1]);
    assert_eq!(status.incident()["ended"]["snapshot"]["number"], 1);
    boot.shell("systemctl is-active health-checker health-check.target boot-complete.target")
        .unwrap();
    boot.poweroff().unwrap();
}
