//! The shipped checks ('make install-checks') in real boots: each passes or says why it does not apply, and each fails
//! for its own reason. And plugins of the kind that the field has had for years.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod disks;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use machine::Ended::{Rebooted, StayedUp};
use machine::{Boot, Machine, Status, course, lines, source, write_file, write_plugin, write_unit};

const LIMIT: Duration = Duration::from_secs(120);
const UNITS: &str = "/usr/lib/systemd/system";

/// As an administrator would.
fn install_checks(root: &Path) -> Result<()> {
    let made = Command::new("make")
        .arg("--directory")
        .arg(source())
        .args(["install-checks", "PREFIX=/usr"])
        .arg(format!("DESTDIR={}", root.display()))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .context("cannot run 'make install-checks'")?;
    ensure!(made.status.success(), "{made:?}");
    Ok(())
}

/// The names of all checks that are shipped, from the sources.
fn shipped() -> Vec<String> {
    let files = fs::read_dir(source().join("plugins/checks.d")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".check").to_owned())
        .collect();
    names.sort();
    names
}

/// Shipped checks as they are, with less patience: they fail all the same.
fn hurry(root: &Path, names: &[&str]) -> Result<()> {
    names.iter().try_for_each(|name| {
        let path = format!("/etc/health-checker/checks.d/{name}.check.d/hurry.conf");
        write_file(root, path, "[Check]\nTimeoutSec=12s\nRetrySec=100ms\n")
    })
}

/// Runs at boot, before the checks and after all file systems.
fn at_boot(root: &Path, script: &str) -> Result<()> {
    write_plugin(
        root,
        "/usr/libexec",
        "at-boot",
        format!("#!/bin/sh\nset -e\n{script}\n"),
    )?;
    let unit = "[Unit]\nAfter=systemd-tmpfiles-setup.service network.target\n\
                [Service]\nType=oneshot\nExecStart=/usr/libexec/at-boot\n";
    write_unit(root, "at-boot.service", unit)
}

/// A default route without a network, and names for the hosts of repositories.
fn connect(root: &Path) -> Result<()> {
    write_file(
        root,
        "/etc/apt/sources.list",
        "deb http://updates.example/debian stable main\n",
    )?;
    write_file(
        root,
        "/etc/hosts",
        "127.0.0.1 localhost machine updates.example\n",
    )?;
    let _ = fs::remove_dir_all(root.join("etc/apt/sources.list.d"));
    at_boot(root, "ip link set lo up\nip route add default dev lo")
}

/// What the machine of these tests has none of.
fn install_rebootmgr(root: &Path, command: &str) -> Result<()> {
    let unit = format!("[Service]\nExecStart={command}\n[Install]\nWantedBy=multi-user.target\n");
    write_file(root, format!("{UNITS}/rebootmgr.service"), unit)
}

fn enable_rebootmgr(root: &Path) -> Result<()> {
    let link = root.join("etc/systemd/system/multi-user.target.wants/rebootmgr.service");
    Ok(std::os::unix::fs::symlink(
        format!("{UNITS}/rebootmgr.service"),
        link,
    )?)
}

/// The shipped check of the watchdog, with a /sys that has one.
fn watchdog(root: &Path, bootstatus: &str) -> Result<()> {
    write_file(root, "/srv/watchdog/watchdog0/bootstatus", bootstatus)?;
    let fake = "[Unit]\nConditionPathExistsGlob=\n[Service]\nTemporaryFileSystem=/sys\n\
                BindReadOnlyPaths=/srv/watchdog:/sys/class/watchdog\n";
    write_file(
        root,
        "/etc/health-checker/checks.d/watchdog.check.d/fake.conf",
        fake,
    )
}

/// A machine with the shipped checks and nothing wrong.
fn clean(name: &str) -> Machine {
    let machine = Machine::new(name).unwrap();
    machine
        .edit(|root| {
            install_checks(root)?;
            connect(root)
        })
        .unwrap();
    machine
}

/// The check failed, and its unit says this.
fn assert_failed(boot: &Boot, status: &Status, name: &str, text: &str) {
    let check = status.check(name);
    let said = boot.said(&format!("health-check@{name}.service")).unwrap();
    assert_eq!(check["result"], "failed", "{name}: {check:#}\n{said}");
    assert!(said.contains(text), "{name}: no '{text}' in: {said}");
}

#[test]
fn a_clean_machine_is_healthy() {
    let machine = clean("clean");
    machine
        .edit(|root| install_rebootmgr(root, "/bin/sleep infinity"))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.failed(), [""; 0]);
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.known_good(), [1]);
    // What does not apply says why; everything else has passed.
    let skipped = [
        ("rebootmgr", "ExecCondition="),
        ("rpm-database", "ConditionPathExists=/usr/lib/sysimage/rpm"),
        ("watchdog", "ConditionPathExistsGlob=/sys/class/watchdog/*"),
    ];
    for name in shipped() {
        let check = status.check(&name);
        let reason = skipped.iter().find(|(skipped, _)| *skipped == name);
        match reason {
            Some((_, reason)) => {
                assert_eq!(check["result"], "skipped", "{name}: {check:#}");
                let message = check["message"].as_str().unwrap();
                assert!(message.contains(reason), "{name}: {message}");
            }
            None => assert_eq!(check["result"], "passed", "{name}: {check:#}"),
        }
    }
    boot.poweroff().unwrap();

    // Now it is wanted, and runs.
    machine.edit(enable_rebootmgr).unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.check("rebootmgr")["result"], "passed");
    assert_eq!(status.verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}

/// Only wanted: an unplugged cable undoes no update.
#[test]
fn what_is_only_wanted_degrades() {
    let machine = Machine::new("wanted").unwrap();
    machine
        .edit(|root| {
            install_checks(root)?;
            write_file(
                root,
                "/etc/apt/sources.list",
                "deb https://user@gone.invalid:8443/debian stable main\n",
            )?;
            write_unit(
                root,
                "broken.service",
                "[Service]\nType=oneshot\nExecStart=/bin/false\n",
            )?;
            watchdog(root, "32\n")?;
            hurry(root, &["default-route", "failed-units", "update-source"])
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    let failed = ["default-route", "failed-units", "update-source", "watchdog"];
    assert_eq!(status.failed(), failed);
    assert_eq!(status.verdict(), ("degraded", "none"));
    assert_eq!(status.known_good(), [1]);
    assert_failed(
        &boot,
        &status,
        "default-route",
        "expected a default route, found none",
    );
    assert_failed(&boot, &status, "update-source", "found none: gone.invalid");
    assert_failed(&boot, &status, "failed-units", "found 'broken.service'");
    assert_failed(
        &boot,
        &status,
        "watchdog",
        "'watchdog0' has reset the machine",
    );
    for name in ["default-route", "update-source"] {
        assert_eq!(status.check(name)["tries"], 4, "{name}");
    }
    boot.poweroff().unwrap();
}

/// An update that breaks as much as one boot can show, and is undone for it.
#[test]
fn an_update_that_breaks_the_system_is_undone() {
    let machine = clean("breaks");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
    machine
        .update(|root| {
            at_boot(
                root,
                "mount --bind /etc /etc\nmount -o remount,bind,ro /etc\n\
                 mount -t tmpfs -o ro tmpfs /tmp\n\
                 umount -l /opt\n\
                 ip link set lo up\nip route add default dev lo",
            )?;
            let mask = root.join("etc/systemd/system/systemd-logind.service");
            std::os::unix::fs::symlink("/dev/null", mask)?;
            install_rebootmgr(root, "/bin/sh -c 'exit 3'")?;
            enable_rebootmgr(root)?;
            write_file(root, "/usr/lib/sysimage/dpkg/status", "Package: half a\n")?;
            fs::create_dir_all(root.join("usr/lib/sysimage/rpm"))?;
            let rpm = "#!/bin/sh\necho 'error: rpmdbNextIterator: skipping h# 7' >&2\nexit 1\n";
            ["rpm", "rpmdb"]
                .iter()
                .try_for_each(|name| write_plugin(root, "/usr/bin", name, rpm))?;
            hurry(
                root,
                &[
                    "dpkg-database",
                    "etc-writable",
                    "failed-units",
                    "rebootmgr",
                    "rpm-database",
                    "systemd-logind",
                    "tmp-writable",
                ],
            )
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    let reasons = [
        ("dpkg-database", "'dpkg --audit' with"),
        ("etc-writable", "ead-only file system"),
        ("failed-units", "'rebootmgr.service'"),
        ("fstab-subvolumes", "/opt"),
        ("rebootmgr", "'rebootmgr.service'"),
        ("rpm-database", "skipping h# 7"),
        ("systemd-logind", "masked"),
        ("tmp-writable", "ead-only file system"),
    ];
    let mut failed = status.incident_failed();
    failed.sort_unstable();
    assert_eq!(failed, reasons.map(|(name, _)| (2, name)));
    for (name, reason) in reasons {
        let log = lines(&status.incident_check(name)["log"]);
        assert!(log.contains(reason), "{name}: no '{reason}' in: {log}");
    }
    boot.poweroff().unwrap();
}

/// What most machines of these tests do not have: a database of RPM, and a hardware watchdog that did not bark.
#[test]
fn rpm_and_a_quiet_watchdog_pass_where_they_are() {
    let machine = Machine::builder()
        .with_more_packages()
        .build("rpm")
        .unwrap();
    machine
        .edit(|root| {
            install_checks(root)?;
            connect(root)?;
            watchdog(root, "0\n")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    for (name, text) in [
        ("rpm-database", "it verified, with 'rpm-1' in it"),
        ("watchdog", "watchdog0"),
    ] {
        assert_eq!(status.check(name)["result"], "passed", "{name}");
        let said = boot.said(&format!("health-check@{name}.service")).unwrap();
        assert!(said.contains(text), "{name}: no '{text}' in: {said}");
    }
    boot.poweroff().unwrap();
}

/// Without D-Bus nothing can be judged, but the update is undone, and the check has said why.
#[test]
fn an_update_that_breaks_dbus_is_undone() {
    let machine = clean("dbus");
    machine
        .boot_until_verdict(LIMIT)
        .unwrap()
        .poweroff()
        .unwrap();
    machine
        .update(|root| {
            let broken = "[Service]\nExecStart=\nExecStart=/bin/false\n";
            write_file(
                root,
                "/etc/systemd/system/dbus.service.d/broken.conf",
                broken,
            )?;
            hurry(root, &["dbus"])
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let said = boot
        .journal(&[
            "--boot=-1",
            "--output=cat",
            "--unit=health-check@dbus.service",
        ])
        .unwrap();
    assert!(said.contains("'dbus.service'"), "{said}");
    assert_eq!(boot.status().unwrap().bad(), [2]);
    boot.poweroff().unwrap();
}
