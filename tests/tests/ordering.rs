//! Scenario 12: other people's units in every order to ours; and boots that do not settle.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, Release, VENDOR_PLUGINS, write_file, write_plugin};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";
const RELEASES: [Release; 2] = [Release::Trixie, Release::Bookworm];
const NEVER_ENDS: &str = "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n";

/// A unit of somebody else, wanted by a target.
fn foreign(root: &Path, name: &str, target: &str, text: &str) -> anyhow::Result<()> {
    write_file(root, format!("/etc/systemd/system/{name}"), text)?;
    let wants = root.join(format!("etc/systemd/system/{target}.wants"));
    std::fs::create_dir_all(&wants)?;
    Ok(symlink(format!("../{name}"), wants.join(name))?)
}

/// What others order around the end of a boot, cloud-init's way included.
fn foreign_units(root: &Path) -> anyhow::Result<()> {
    let oneshot = |after: &str| {
        format!(
            "[Unit]\nAfter={after}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
        )
    };
    for (name, target, after) in [
        (
            "after-complete.service",
            "multi-user.target",
            "boot-complete.target",
        ),
        (
            "after-multi-user.service",
            "multi-user.target",
            "multi-user.target",
        ),
        (
            "cloud-final.service",
            "cloud-init.target",
            "multi-user.target",
        ),
        (
            "after-runner.service",
            "multi-user.target",
            "health-checker.service",
        ),
        (
            "after-checks.service",
            "multi-user.target",
            "health-check.target",
        ),
    ] {
        foreign(root, name, target, &oneshot(after))?;
    }
    foreign(
        root,
        "cloud-init.target",
        "multi-user.target",
        "[Unit]\nDefaultDependencies=no\nAfter=multi-user.target\n",
    )?;
    write_plugin(root, VENDOR_PLUGINS, "early", PASS)?;
    write_plugin(root, ADMIN_PLUGINS, "late", PASS)
}

fn settle_limit(root: &Path, seconds: u8) -> anyhow::Result<()> {
    write_file(
        root,
        "/etc/systemd/system/health-check-settle.service.d/limit.conf",
        format!(
            "[Service]\nExecStart=\nExecStart=/usr/sbin/health-checker settle --timeout-sec {seconds}\n"
        ),
    )
}

fn no_cycle(boot: &Boot) {
    let journal = boot.journal(&["-b", "-o", "cat"]).unwrap();
    for word in [
        "deleted to break ordering cycle",
        "Found ordering cycle",
        "Unable to break cycle",
    ] {
        assert!(!journal.contains(word), "{journal}");
    }
}

fn verdict(machine: &Machine) -> Boot {
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    no_cycle(&boot);
    boot
}

#[test]
fn foreign_orders_make_no_cycle() {
    for release in RELEASES {
        for default in ["multi-user.target", "graphical.target"] {
            let machine = Machine::builder().release(release).build("order").unwrap();
            machine
                .edit(|root| {
                    let link = root.join("etc/systemd/system/default.target");
                    std::fs::remove_file(&link)?;
                    symlink(format!("/usr/lib/systemd/system/{default}"), link)?;
                    foreign_units(root)
                })
                .unwrap();
            let mut boot = verdict(&machine);
            boot.wait_finished().unwrap();
            no_cycle(&boot);
            let status = boot.status().unwrap();
            assert_eq!(status.verdict().0, "healthy", "{default}: {status:?}");
            for name in ["early", "late"] {
                assert_eq!(status.check(name)["result"], "passed");
            }
            for unit in [
                "boot-complete.target",
                default,
                "after-complete.service",
                "after-runner.service",
                "after-checks.service",
                "after-multi-user.service",
                "cloud-final.service",
            ] {
                assert_eq!(boot.state_of(unit).unwrap(), "active", "{unit}, {default}");
            }
            boot.poweroff().unwrap();
        }
    }
}

#[test]
fn a_oneshot_that_never_ends_degrades_a_machine_and_keeps_it_usable() {
    for release in RELEASES {
        let machine = Machine::builder().release(release).build("stuck").unwrap();
        machine
            .edit(|root| {
                foreign_units(root)?;
                settle_limit(root, 3)?;
                foreign(root, "stuck.service", "multi-user.target", NEVER_ENDS)
            })
            .unwrap();
        let boot = verdict(&machine);
        let status = boot.status().unwrap();
        assert_eq!(status.verdict().0, "degraded", "{status:?}");
        for name in ["early", "late"] {
            assert_eq!(status.check(name)["result"], "passed");
        }
        let settle = status.check("settle");
        assert_eq!(settle["severity"], "wanted");
        assert!(
            settle["message"]
                .as_str()
                .unwrap()
                .contains("stuck.service"),
            "{settle}"
        );
        assert_eq!(boot.state_of("boot-complete.target").unwrap(), "active");
        assert_eq!(status.known_good(), [1]);
        boot.poweroff().unwrap();

        // It never settles, so that this says nothing about an update.
        machine.update(|_| Ok(())).unwrap();
        let boot = verdict(&machine);
        assert_eq!(boot.snapshot(), Some(2));
        assert_eq!(boot.status().unwrap().verdict().0, "degraded");
        boot.poweroff().unwrap();
    }
}

#[test]
fn an_update_that_keeps_the_boot_from_settling_is_rolled_back() {
    let machine = Machine::new("unsettled").unwrap();
    machine
        .edit(|root| {
            settle_limit(root, 3)?;
            write_plugin(root, VENDOR_PLUGINS, "early", PASS)
        })
        .unwrap();
    let boot = verdict(&machine);
    assert_eq!(boot.status().unwrap().verdict().0, "healthy");
    boot.poweroff().unwrap();
    machine
        .update(|root| foreign(root, "stuck.service", "multi-user.target", NEVER_ENDS))
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(boots.len(), 2);
    assert_eq!(last.snapshot(), Some(1));
    let status = last.status().unwrap();
    assert_eq!(status.verdict().0, "healthy");
    let failed = status.0["incident"]["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0]["message"].to_string().contains("stuck.service"));
    last.poweroff().unwrap();
}

#[test]
fn a_known_good_snapshot_that_does_not_settle_once_is_degraded() {
    let machine = Machine::new("unsettled-good").unwrap();
    machine
        .edit(|root| {
            settle_limit(root, 3)?;
            write_plugin(root, VENDOR_PLUGINS, "early", PASS)
        })
        .unwrap();
    verdict(&machine).poweroff().unwrap();
    machine
        .edit(|root| foreign(root, "stuck.service", "multi-user.target", NEVER_ENDS))
        .unwrap();
    let boot = verdict(&machine);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("degraded", "none"));
    boot.poweroff().unwrap();
}
