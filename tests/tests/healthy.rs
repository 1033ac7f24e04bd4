//! Scenario 1, and what else is a healthy boot: what it leaves on disk, and what only degrades it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, add_to_health_target, write_file, write_plugin,
};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";

/// Marks that snapper shows of a snapshot: cleanup algorithm and userdata.
fn marks(boot: &Boot, number: u64) -> String {
    let list = boot
        .shell("snapper --csvout list --columns number,cleanup,userdata")
        .unwrap();
    let line = list
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{number},")));
    line.unwrap().to_owned()
}

#[test]
fn a_healthy_boot_makes_its_snapshot_known_good() {
    let machine = Machine::new("healthy").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "disk.sh", PASS)?;
            write_plugin(root, ADMIN_PLUGINS, "shop", PASS)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();

    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [1]);
    assert_eq!(status.0["snapshot"]["default"], true);
    assert_eq!(status.0["snapshot"]["known_good"], true);
    assert_eq!(status.incident(), &json!(null));
    assert_eq!(status.0["warnings"], json!([]));
    for (name, unit) in [
        ("disk.sh", "health-check@disk.sh.service"),
        ("shop", "health-check-local@shop.service"),
    ] {
        let check = status.check(name);
        assert_eq!(check["unit"], unit);
        assert_eq!(check["result"], "passed");
        assert_eq!(check["severity"], "required");
        assert_eq!(check["exit_status"], 0);
        assert!(check["duration_usec"].as_u64().unwrap() > 0);
    }

    boot.shell(
        "systemctl is-active health-checker.service health-check.target boot-complete.target",
    )
    .unwrap();
    assert_eq!(boot.shell("systemctl --failed --quiet").unwrap(), "");
    let id = status.0["snapshot"]["id"].as_u64().unwrap();
    assert_eq!(
        boot.shell("btrfs inspect-internal rootid /")
            .unwrap()
            .trim(),
        id.to_string()
    );
    assert_eq!(
        boot.shell("cat /var/lib/misc/health-check.state").unwrap(),
        format!("LAST_WORKING_BTRFS_ID={id}\nLAST_WORKING_SNAPSHOT=@/.snapshots/1/snapshot\n")
    );
    assert_eq!(marks(&boot, 1), ",health-checker=good");
    assert!(
        boot.journal(&["-b", "-u", "health-checker"])
            .unwrap()
            .contains("passed")
    );
    // By hand, and without consequences.
    let now = boot.shell("health-checker").unwrap();
    assert!(now.ends_with("Health check passed\n"), "{now}");
    boot.poweroff().unwrap();
}

#[test]
fn a_failing_unit_that_is_only_wanted_degrades_the_boot() {
    let machine = Machine::new("wanted").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "disk", PASS)?;
            let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 4'\n";
            write_file(root, "/etc/systemd/system/extra.service", unit)?;
            add_to_health_target(root, "add-wants", "extra.service")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();

    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("degraded", "none"));
    assert_eq!(status.failed(), ["extra.service"]);
    assert_eq!(status.check("extra.service")["severity"], "wanted");
    assert_eq!(status.check("extra.service")["exit_status"], 4);
    // It counts as healthy.
    assert_eq!(status.known_good(), [1]);
    assert_eq!(status.incident(), &json!(null));
    boot.shell("systemctl is-active health-checker.service boot-complete.target")
        .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn three_known_good_snapshots_are_kept_and_the_fourth_is_released() {
    let machine = Machine::new("three").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", PASS))
        .unwrap();
    for number in 1..=3 {
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        assert_eq!(boot.snapshot(), Some(number));
        assert_eq!(marks(&boot, number), ",health-checker=good");
        boot.poweroff().unwrap();
        machine.update(|_| Ok(())).unwrap();
    }
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().known_good(), [4, 3, 2]);
    assert_eq!(marks(&boot, 1), "number,");
    for number in 2..=4 {
        assert_eq!(marks(&boot, number), ",health-checker=good");
    }
    // As 'transactional-update cleanup' does with all snapshots: the next one would be deleted by snapper.
    boot.shell("for n in 2 3; do snapper modify --cleanup-algorithm number --userdata important=yes $n; done")
        .unwrap();
    boot.poweroff().unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    for number in 2..=4 {
        let marks = marks(&boot, number);
        assert!(marks.starts_with(','), "{number}: {marks}");
        assert!(marks.contains("health-checker=good"), "{number}: {marks}");
    }
    boot.poweroff().unwrap();

    // A healthy boot of an older one makes that the newest again.
    machine.set_default(2).unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().known_good(), [2, 4, 3]);
    boot.poweroff().unwrap();
}
