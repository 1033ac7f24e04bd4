//! `.check` files in real boots: what they set, and in which of the directories.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod flood;
mod wrong;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use machine::Ended::{Rebooted, StayedUp};
use machine::{
    ADMIN_PLUGINS, CHECK_FILES, Machine, Status, VENDOR_PLUGINS, course, lines, write_check,
    write_file, write_plugin, write_unit,
};

const LIMIT: Duration = Duration::from_secs(100);
const VENDOR_FILES: &str = "/usr/lib/health-checker/checks.d";

fn unit(name: &str) -> String {
    format!("health-check@{name}.service")
}

/// Fails, and says when.
fn counting(count: u32) -> String {
    format!(
        "[Check]\nExec=/bin/sh -c 'echo x >> /run/%i; echo \"try $$(wc -l < /run/%i)\"; test $$(wc -l < /run/%i) -ge {count}'\n"
    )
}

fn assert_check(status: &Status, name: &str, result: &str, message: &str) {
    let check = status.check(name);
    let said = check["message"].as_str().unwrap_or("no message");
    assert_eq!(check["result"], result, "{name}: {check:#}");
    assert!(said.contains(message), "{name}: no '{message}' in '{said}'");
}

/// All of it in one boot, which is degraded because of what is only wanted.
#[test]
fn settings_directories_and_conditions() {
    let machine = Machine::new("settings").unwrap();
    machine
        .edit(|root| {
            let severity = "Severity=wanted\n";
            let retries = "Retries=3\nRetrySec=100ms\n";
            write_check(root, "third", &format!("{}{retries}", counting(3)))?;
            let never = format!("{}{severity}Retries=1\nRetrySec=0\n", counting(100));
            write_check(root, "never", &never)?;
            let slow = "[Check]\nExec=/bin/sleep 60\nTimeoutSec=1s\nSeverity=wanted\n";
            write_check(root, "slow", slow)?;
            // Runs when sshd has started, not when the boot has settled.
            let early = "[Unit]\nAfter=ssh.service\n[Check]\nExec=/bin/touch /run/early\n";
            write_check(root, "early", early)?;
            let waits = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /run/early; do sleep 0.05; done'\n";
            write_unit(root, "waits-for-early.service", waits)?;
            directories(root)?;
            conditions(root)?;
            plugin_settings(root)?;
            let typo = "[Check]\nExec=/bin/true\nSeverity=wanted\nColour=green\n";
            write_check(root, "only-wanted", typo)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();

    assert_eq!(status.verdict(), ("degraded", "none"));
    assert_eq!(status.known_good(), [1]);
    assert_eq!(status.failed(), ["never", "only-wanted", "slow"]);
    boot.shell("systemctl is-active boot-complete.target")
        .unwrap();

    for (name, tries) in [("third", 3), ("never", 2), ("slow", 1)] {
        assert_eq!(status.check(name)["tries"], tries, "{name}");
    }
    let said = boot.said(&unit("third")).unwrap();
    for text in ["try 1", "try 2", "try 3"] {
        assert!(said.contains(text), "{said}");
    }
    assert_check(&status, "slow", "timeout", "within 1 s");

    // Masked by a link, by an empty file; replaced; changed by drop-ins, the last of which wins.
    assert_check(&status, "masked", "skipped", "masked");
    assert_check(&status, "emptied", "skipped", "masked");
    boot.shell("! test -e /run/masked && ! test -e /run/emptied")
        .unwrap();
    assert_eq!(
        boot.shell("cat /run/replaced /run/dropped").unwrap(),
        "by /etc\nfrom /etc\n"
    );
    let dropped = status.check("dropped");
    assert_eq!(dropped["severity"], "wanted", "{dropped:#}");

    assert_check(
        &status,
        "condition",
        "skipped",
        "ConditionPathExists=/etc/nothing",
    );
    assert_check(&status, "exec-condition", "skipped", "ExecCondition=");
    assert_check(&status, "condition-met", "passed", "");

    // One file with settings for the plugins of both directories.
    for (name, said) in [
        ("health-check@sshd.sh.service", "vendor green"),
        ("health-check-local@sshd.sh.service", "local green"),
    ] {
        assert!(boot.said(name).unwrap().contains(said), "{name}");
    }
    let typo = format!("{CHECK_FILES}/only-wanted.check:4: unknown key 'Colour='");
    assert_check(&status, "only-wanted", "failed", &typo);
    assert!(boot.said(&unit("only-wanted")).unwrap().contains(&typo));

    // /run is empty at boot, and counts from the next reload on: before /usr, but not before /etc.
    let directory = "/run/health-checker/checks.d";
    boot.shell(&format!(
        "mkdir -p {directory}\ncp /usr/share/by-run.check {directory}/replaced.check\n\
         cp /usr/share/by-run.check {directory}/plain.check\nsystemctl daemon-reload\n\
         systemctl restart health-check@replaced health-check@plain"
    ))
    .unwrap();
    let ran = boot.shell("cat /run/replaced /run/plain").unwrap();
    assert_eq!(ran, "by /etc\nby /run\n");
    boot.poweroff().unwrap();
}

/// The same names in several directories.
fn directories(root: &Path) -> Result<()> {
    let touch = |name: &str| format!("[Check]\nExec=/bin/touch /run/{name}\n");
    for name in ["masked", "emptied"] {
        write_file(root, format!("{VENDOR_FILES}/{name}.check"), touch(name))?;
    }
    let etc = root.join(CHECK_FILES.trim_start_matches('/'));
    fs::create_dir_all(&etc)?;
    symlink("/dev/null", etc.join("masked.check"))?;
    write_check(root, "emptied", "")?;
    let by = |who: &str| format!("[Check]\nExec=/bin/sh -c 'echo by {who} > /run/%i'\n");
    for name in ["replaced", "plain"] {
        write_file(root, format!("{VENDOR_FILES}/{name}.check"), by("/usr"))?;
    }
    write_file(root, "/usr/share/by-run.check", by("/run"))?;
    write_check(root, "replaced", &by("/etc"))?;
    let dropped = "[Check]\nExec=/bin/sh -c 'echo from /usr > /run/dropped'\n";
    write_file(root, format!("{VENDOR_FILES}/dropped.check"), dropped)?;
    let drop_in = |directory: &str, name: &str, from: &str| {
        write_file(
            root,
            format!("{directory}/dropped.check.d/{name}.conf"),
            format!(
                "[Check]\nExec=\nExec=/bin/sh -c 'echo from {from} > /run/dropped'\nSeverity=wanted\n"
            ),
        )
    };
    drop_in(VENDOR_FILES, "90-last", "/usr")?;
    drop_in(CHECK_FILES, "90-last", "/etc")?;
    drop_in(CHECK_FILES, "10-first", "first")
}

fn conditions(root: &Path) -> Result<()> {
    let fails = "[Check]\nExec=/bin/false\n";
    let not_met = format!("[Unit]\nConditionPathExists=/etc/nothing\n{fails}");
    write_check(root, "condition", &not_met)?;
    let not_met = format!("[Service]\nExecCondition=/bin/false\n{fails}");
    write_check(root, "exec-condition", &not_met)?;
    let met = "[Unit]\nConditionPathExists=/etc/hostname\n[Check]\nExec=/bin/true\n";
    write_check(root, "condition-met", met)
}

fn plugin_settings(root: &Path) -> Result<()> {
    let script = |who: &str| format!("#!/bin/sh\necho {who} $COLOUR\ntest \"$COLOUR\" = green\n");
    write_plugin(root, VENDOR_PLUGINS, "sshd.sh", script("vendor"))?;
    write_plugin(root, ADMIN_PLUGINS, "sshd.sh", script("local"))?;
    write_check(root, "sshd.sh", "[Service]\nEnvironment=COLOUR=green\n")
}

/// A machine with known good snapshot 1.
fn known_good(name: &str, edit: impl FnOnce(&Path) -> Result<()>) -> Machine {
    let machine = Machine::new(name).unwrap();
    machine.edit(edit).unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
    machine
}

/// Serves until '/var/broken' exists; then it fails whenever it is started, but once.
const SHOP: &str = "[Service]\nExecStart=/bin/sh -c 'echo started >> /run/shop; test -e /var/broken && test $$(wc -l < /run/shop) -ne 2 && exit 1; exec sleep infinity'\n";
const OTHER: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo started >> /run/other; ! test -e /var/broken'\n";
const SHOP_CHECK: &str = "[Check]\nUnitActive=shop.service\nStableSec=500ms\nTimeoutSec=7s\nRestartUnits=shop.service\nStopUnits=till.service\n";
const TILL: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

#[test]
fn a_check_says_what_is_restarted_and_what_is_stopped() {
    let machine = known_good("units", |root| {
        write_unit(root, "shop.service", SHOP)?;
        write_unit(root, "other.service", OTHER)?;
        write_unit(root, "till.service", TILL)?;
        write_check(root, "shop", SHOP_CHECK)
    });
    let mend = |path: &str| machine.edit(|root| write_file(root, path, "")).unwrap();
    mend("/var/broken");

    // Another service has failed as well, but the check is not about it.
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.steps(), [("restart", "done")]);
    let details = lines(&status.step("restart")["details"]);
    assert_eq!(details, "shop.service: restarted, done");
    boot.shell("systemctl is-active shop till; ! systemctl is-active other")
        .unwrap();
    boot.shell("test $(wc -l < /run/other) -eq 1; test $(wc -l < /run/shop) -eq 2")
        .unwrap();
    boot.poweroff().unwrap();

    // Nothing helps any more: the last rung stops what the check names, and nothing else.
    machine
        .edit(|root| {
            write_file(
                root,
                "/etc/systemd/system/shop.service",
                "[Service]\nExecStart=/bin/false\n",
            )
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(1, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    let steps = [("restart", "done"), ("reboot", "done"), ("stop", "done")];
    assert_eq!(status.steps(), steps);
    let details = lines(&status.step("stop")["details"]);
    assert!(details.contains("stopped: till.service"), "{details}");
    boot.shell("! systemctl is-active till && systemctl is-active ssh")
        .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn three_hundred_files_are_judged() {
    const COUNT: usize = 300;
    let machine = Machine::new("three-hundred").unwrap();
    machine
        .edit(|root| {
            (0..COUNT).try_for_each(|number| {
                let text = format!("[Check]\nExec=/bin/test {number} -ne 123\nSeverity=wanted\n");
                write_check(root, &format!("file-{number}"), &text)
            })
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("degraded", "none"));
    assert_eq!(status.failed(), ["file-123"]);
    assert_eq!(status.0["checks"].as_array().unwrap().len(), COUNT);
    boot.poweroff().unwrap();
}
