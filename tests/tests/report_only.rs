//! Scenarios 14 and 16: systems without snapshots, containers, a broken configuration, words on the kernel command
//! line: judged and reported, never acted on.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Ended, Layout, Machine, VENDOR_PLUGINS, write_file, write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";
/// Says if it was asked to stop.
const FAIL: &str = "#!/bin/sh\n[ $1 = check ] || touch /var/stopped\nexit 4\n";
const CONFIG: &str = "/etc/health-checker/health-checker.conf";

/// A new snapshot that fails, on a machine with a known good one: without restraint, it is rolled back.
fn after_a_bad_update() -> Machine {
    let machine = Machine::new("restrained").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "good", PASS))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().known_good(), [1]);
    boot.poweroff().unwrap();
    machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, "bad", FAIL))
        .unwrap();
    machine
}

/// It judged, said so, and did nothing.
fn judged_and_left_alone(machine: &Machine, mut boot: Boot, why: &str) {
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert_eq!(boot.snapshot(), Some(2));
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "none"), "{status:?}");
    assert_eq!(status.check("bad")["result"], "failed");
    assert!(
        status.0["why"].as_str().unwrap().contains(why),
        "{status:?}"
    );
    assert_eq!(boot.state_of("boot-complete.target").unwrap(), "inactive");
    boot.shell("! test -e /var/stopped").unwrap();
    let journal = boot.journal(&["-b", "-u", "health-checker"]).unwrap();
    assert!(journal.contains("Health check failed: bad"), "{journal}");
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
    assert_eq!(machine.snapshots().unwrap(), [1, 2]);
}

#[test]
fn the_kernel_command_line_can_say_to_report_only() {
    let machine = after_a_bad_update();
    for word in [
        "health-checker.action=report",
        "health-checker-reboot=disabled",
    ] {
        let boot = machine.boot_with(&[word]).unwrap();
        judged_and_left_alone(&machine, boot, "kernel command line");
    }
    // Without the word, the same machine acts.
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!((boots.len(), last.snapshot()), (2, Some(1)));
    last.poweroff().unwrap();
}

#[test]
fn a_healthy_boot_that_may_only_report_is_recorded() {
    let machine = Machine::new("reports").unwrap();
    let mut boot = machine
        .boot_with(&["health-checker.action=report"])
        .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [1]);
    boot.poweroff().unwrap();
}

#[test]
fn switched_off_on_the_kernel_command_line() {
    let machine = after_a_bad_update();
    machine
        .edit(|root| write_plugin(root, ADMIN_PLUGINS, "late", "#!/bin/sh\ntouch /var/late\n"))
        .unwrap();
    let mut boot = machine.boot_with(&["health-checker=0"]).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    boot.wait_finished().unwrap();
    // Neither the generator nor settle made a unit, nothing was judged, and nothing failed.
    boot.shell("! test -e /var/late && ! test -e /var/stopped && ! ls /run/systemd/generator*/health-check*").unwrap();
    let units = boot
        .shell("systemctl list-units --all --plain --no-legend 'health-check@*' 'health-check-local@*'")
        .unwrap();
    assert_eq!(units, "");
    assert_eq!(boot.status().unwrap().verdict(), ("unknown", "none"));
    assert_eq!(
        boot.shell("systemctl --failed --plain --no-legend")
            .unwrap(),
        ""
    );
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
    let state = machine.read("/var/lib/health-checker/state.json").unwrap();
    assert_eq!(
        state.matches("\"verdict\"").count(),
        1,
        "a boot was judged: {state}"
    );
}

#[test]
fn a_container_is_left_alone_unless_it_is_allowed() {
    let machine = after_a_bad_update();
    machine
        .edit(|root| {
            Ok(std::fs::remove_file(
                root.join(CONFIG.trim_start_matches('/')),
            )?)
        })
        .unwrap();
    let state = machine.read("/var/lib/health-checker/state.json").unwrap();
    let boot = machine.boot().unwrap();
    judged_and_left_alone(&machine, boot, "container");
    assert_eq!(
        machine.read("/var/lib/health-checker/state.json").unwrap(),
        state,
        "the state may be that of the host"
    );
}

#[test]
fn a_broken_configuration_is_named_and_nothing_is_acted_on() {
    for (text, line) in [
        ("[Boot]\nActInContainer=yes\nActInContainr=no\n", 3),
        ("[Boot]\nActInContainer=perhaps\n", 2),
        ("[Boot]\nActInContainer=yes\n[Boot\n", 3),
    ] {
        let machine = after_a_bad_update();
        machine.edit(|root| write_file(root, CONFIG, text)).unwrap();
        let boot = machine.boot().unwrap();
        let named = format!("{CONFIG}:{line}: ");
        let mut boot = boot;
        boot.wait_verdict(LIMIT).unwrap();
        let warnings = boot.status().unwrap().0["warnings"].to_string();
        assert!(warnings.contains(&named), "{warnings}");
        let human = boot.shell("health-checker status").unwrap();
        assert!(human.contains(&named), "{human}");
        let journal = boot.journal(&["-b", "-u", "health-checker"]).unwrap();
        assert!(journal.contains(&named), "{journal}");
        judged_and_left_alone(&machine, boot, "");
    }
}

#[test]
fn a_system_without_snapshots_is_judged_and_told_so() {
    for layout in [Layout::Btrfs, Layout::Ext4] {
        let machine = Machine::builder().layout(layout).build("plain").unwrap();
        machine
            .edit(|root| write_plugin(root, ADMIN_PLUGINS, "good", PASS))
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
        assert!(status.0["snapshot"].is_null());
        assert_eq!(
            status.0["warnings"],
            serde_json::json!([]),
            "a clean answer"
        );
        assert_eq!(boot.state_of("boot-complete.target").unwrap(), "active");
        let human = boot.shell("health-checker status").unwrap();
        assert!(human.contains("not booted from a snapshot"), "{human}");
        let journal = boot
            .journal(&["-b", "-p", "warning", "-u", "health-checker"])
            .unwrap();
        assert_eq!(journal, "", "nothing to worry about");
        boot.poweroff().unwrap();

        machine
            .edit(|root| write_plugin(root, VENDOR_PLUGINS, "bad", FAIL))
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), ("unhealthy", "none"), "{status:?}");
        assert_eq!(status.check("bad")["exit_status"], 4);
        assert_eq!(status.incident_check("bad")["exit_status"], 4);
        assert!(status.0["why"].as_str().unwrap().contains("snapshot"));
        assert_eq!(boot.state_of("boot-complete.target").unwrap(), "inactive");
        boot.shell("! test -e /var/stopped").unwrap();
        boot.poweroff().unwrap();

        // A plugin that vanished is noticed here, too, and repaired is healthy again.
        machine
            .edit(|root| {
                let plugin = |directory: &str, name| root.join(&directory[1..]).join(name);
                std::fs::remove_file(plugin(ADMIN_PLUGINS, "good"))?;
                Ok(std::fs::remove_file(plugin(VENDOR_PLUGINS, "bad"))?)
            })
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        assert_eq!(boot.status().unwrap().verdict().0, "degraded");
        boot.poweroff().unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        assert_eq!(boot.status().unwrap().verdict().0, "healthy");
        boot.poweroff().unwrap();
    }
}
