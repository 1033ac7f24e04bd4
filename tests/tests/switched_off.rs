//! Scenario 18: disabled or uninstalled, a machine boots as if health-checker never was; masked checks.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, Release, VENDOR_PLUGINS};
use machine::{write_file, write_plugin, write_unit};

const LIMIT: Duration = Duration::from_secs(60);
/// Whoever runs it, leaves a trace; it would fail the boot.
const BAD: &str = "#!/bin/sh\ntouch /var/ran\nexit 1\n";

fn with_plugins() -> Machine {
    let machine = Machine::new("off").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "bad", BAD)?;
            write_plugin(root, ADMIN_PLUGINS, "bad", BAD)
        })
        .unwrap();
    machine
}

/// Runs a program of the host that must succeed.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

fn disable(root: &Path) -> anyhow::Result<()> {
    let root = format!("--root={}", root.display());
    run(Command::new("systemctl").args([&root, "disable", "health-checker.service"]))
}

fn finished(machine: &Machine) -> Boot {
    let mut boot = machine.boot().unwrap();
    boot.wait_finished().unwrap();
    boot
}

/// Nothing of ours took part in the boot, before and after a reload.
fn as_if_it_never_was(boot: &Boot) {
    for _ in 0..2 {
        let active = "systemctl list-units --plain --no-legend 'health*' boot-complete.target";
        assert_eq!(boot.shell(active).unwrap(), "");
        let jobs = boot
            .shell("systemctl list-jobs --plain --no-legend")
            .unwrap();
        assert!(!jobs.contains("health"), "{jobs}");
        assert_eq!(
            boot.shell("systemctl is-system-running").unwrap(),
            "running\n"
        );
        boot.shell("! test -e /var/ran && ! test -e /run/health-checker")
            .unwrap();
        boot.shell("systemctl daemon-reload").unwrap();
    }
    let journal = boot.journal(&["-b", "-o", "cat"]).unwrap();
    assert!(!journal.to_lowercase().contains("health"), "{journal}");
}

#[test]
fn disabled() {
    let machine = with_plugins();
    machine.edit(disable).unwrap();
    let boot = finished(&machine);
    as_if_it_never_was(&boot);
    // It can still be asked, and says what is the matter.
    assert_eq!(boot.status().unwrap().verdict(), ("unknown", "none"));
    boot.poweroff().unwrap();
}

#[test]
fn uninstalled() {
    let machine = with_plugins();
    // It was in use, so that all of its state is there.
    machine
        .boot_until_verdict(LIMIT)
        .unwrap()
        .poweroff()
        .unwrap();
    machine
        .edit(|root| {
            std::fs::remove_file(root.join("var/ran"))?;
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            run(Command::new("make")
                .arg("--directory")
                .arg(source)
                .args(["uninstall", "PREFIX=/usr"])
                .arg(format!("DESTDIR={}", root.display()))
                .env_remove("MAKEFLAGS")
                .env_remove("MAKELEVEL"))?;
            let left = Command::new("find")
                .arg(".")
                .args(["-name", "*health*", "-not", "-path", "./.snapshots/*"])
                .current_dir(root)
                .output()?;
            let mut left: Vec<&str> = std::str::from_utf8(&left.stdout)?.lines().collect();
            left.sort_unstable();
            // Plugins, settings and state are the administrator's.
            let kept = [
                "./etc/health-checker",
                "./etc/health-checker/health-checker.conf",
                "./usr/libexec/health-checker",
                "./usr/local/libexec/health-checker",
                "./var/lib/health-checker",
                "./var/lib/misc/health-check.state",
            ];
            left.retain(|path| !kept.contains(path));
            assert_eq!(left, [""; 0]);
            Ok(())
        })
        .unwrap();
    let boot = finished(&machine);
    as_if_it_never_was(&boot);
    boot.shell(
        "! ls /run/systemd/generator*/*health* && ! systemctl cat health-checker 2> /dev/null",
    )
    .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn disabled_while_it_runs_and_enabled_again() {
    let machine = Machine::new("disable").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "good", "#!/bin/sh\n"))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.shell("systemctl disable health-checker").unwrap();
    boot.reboot().unwrap();
    let boot = finished(&machine);
    assert_eq!(boot.state_of("boot-complete.target").unwrap(), "inactive");
    assert_eq!(boot.status().unwrap().verdict(), ("unknown", "none"));
    boot.shell("systemctl preset health-checker").unwrap();
    boot.reboot().unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    assert_eq!(boot.state_of("boot-complete.target").unwrap(), "active");
    boot.poweroff().unwrap();
}

#[test]
fn masked_checks_are_skipped_and_listed() {
    let machine = with_plugins();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "good", "#!/bin/sh\n")?;
            for unit in ["health-check@bad.service", "health-check-local@bad.service"] {
                symlink("/dev/null", root.join("etc/systemd/system").join(unit))?;
            }
            // Somebody's package does it there.
            write_plugin(root, VENDOR_PLUGINS, "vendors", "#!/bin/sh\nexit 1\n")?;
            let vendors = root.join("usr/lib/systemd/system/health-check@vendors.service");
            Ok(symlink("/dev/null", vendors)?)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
    assert_eq!(boot.state_of("health-check.target").unwrap(), "active");
    let list = boot.json("health-checker list --json").unwrap();
    let units = [
        "health-check@bad.service",
        "health-check-local@bad.service",
        "health-check@vendors.service",
    ];
    for unit in units {
        assert_eq!(status.of_unit(unit)["result"], "skipped");
        let listed = list["checks"].as_array().unwrap();
        let listed = listed.iter().find(|check| check["unit"] == unit).unwrap();
        assert_eq!(listed["masked"], true);
    }
    // Nor are they run by hand.
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("skipped").count(), 3, "{text}");
    boot.shell("! test -e /var/ran").unwrap();
    // Unmasked, it counts again.
    boot.shell("systemctl unmask health-check@bad").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Health check failed: bad"), "{text}");
    boot.poweroff().unwrap();
}

/// A boot like this: finished, and nothing that waits for a good boot was started.
fn is_not_called_good(release: Release, edit: fn(&Path) -> anyhow::Result<()>) -> (Machine, Boot) {
    let machine = Machine::builder()
        .release(release)
        .build("unjudged")
        .unwrap();
    machine
        .edit(|root| {
            edit(root)?;
            // As systemd-bless-boot.service does it, which is for UEFI only.
            let text = "[Unit]\nRequires=boot-complete.target\nAfter=boot-complete.target\n\
                [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
            write_unit(root, "bless.service", text)
        })
        .unwrap();
    let boot = finished(&machine);
    for unit in ["bless.service", "boot-complete.target"] {
        assert_eq!(
            boot.state_of(unit).unwrap(),
            "inactive",
            "{unit}, {release:?}"
        );
    }
    (machine, boot)
}

#[test]
fn without_a_runner_no_boot_is_called_good() {
    for release in [Release::Trixie, Release::Bookworm] {
        let (_machine, boot) = is_not_called_good(release, |root| {
            let mask = root.join("etc/systemd/system/health-checker.service");
            Ok(symlink("/dev/null", mask)?)
        });
        boot.poweroff().unwrap();
    }
}

#[test]
fn a_runner_with_a_condition_judges_where_it_is_met_and_nothing_is_done_elsewhere() {
    const DROP_IN: &str = "/etc/systemd/system/health-checker.service.d/x.conf";
    for release in [Release::Trixie, Release::Bookworm] {
        let (machine, mut boot) = is_not_called_good(release, |root| {
            let configuration = "/etc/health-checker/health-checker.conf.d/test.conf";
            write_file(root, configuration, "[Boot]\nDeadlineSec=5s\n")?;
            write_file(root, DROP_IN, "[Unit]\nConditionPathExists=/judge\n")
        });
        boot.wait("the deadline", LIMIT, |boot| {
            let said = boot.journal(&["-b", "-u", "health-checker-deadline.service"])?;
            Ok(said.contains("a condition of health-checker.service is not met"))
        })
        .unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), ("unknown", "none"));
        let why = status.0["why"].as_str().unwrap();
        assert!(
            why.contains("a condition of health-checker.service"),
            "{why}"
        );
        let (_, said) = boot.try_shell("health-checker verify").unwrap();
        let expected = format!("{DROP_IN}:2: warning: a boot in which this 'ConditionPathExists='");
        assert!(said.contains(&expected), "{said}");
        boot.poweroff().unwrap();
        // However often that happens: it is no boot that did not get to its verdict.
        let state = machine.read("/var/lib/health-checker/state.json").unwrap();
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["attempts"], serde_json::json!([]), "{state:#}");
        machine.edit(|root| write_file(root, "/judge", "")).unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
        assert_eq!(boot.state_of("bless.service").unwrap(), "active");
        boot.poweroff().unwrap();
    }
}
