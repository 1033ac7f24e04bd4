//! `.check` files that are wrong, not to be trusted, or replaced while the machine boots: they let no update pass.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use anyhow::Result;
use machine::Ended::{Rebooted, StayedUp};
use machine::{
    CHECK_FILES, Machine, VENDOR_PLUGINS, course, lines, write_check, write_file, write_plugin,
    write_unit,
};

use crate::{LIMIT, assert_check, known_good, unit};

const PASS: &str = "#!/bin/sh\nexit 0\n";

#[test]
fn a_typo_lets_no_update_pass() {
    let machine = known_good("typos", |root| {
        write_plugin(root, VENDOR_PLUGINS, "fine", PASS)
    });
    let typos = [
        (
            "key",
            "[Check]\nExecc=/bin/true\n",
            ":2: unknown key 'Execc='",
        ),
        (
            "value",
            "[Check]\nExec=/bin/true\nRetries=many\n",
            ":3: 'Retries='",
        ),
        (
            "section",
            "[Check]\nExec=/bin/true\n[Chekc]\nRetries=1\n",
            ":3: unknown section",
        ),
        (
            "unit",
            "[Check]\nUnitActive=ssh.servcie\n",
            ":2: 'UnitActive='",
        ),
        (
            "probes",
            "[Check]\nPathWritable=/etc\nTcpConnect=localhost:22\n",
            ":3: 'TcpConnect='",
        ),
        (
            "none",
            "[Check]\nSeverity=required\n",
            ".check: has neither 'Exec=' nor a probe",
        ),
    ];
    machine
        .update(|root| {
            typos
                .iter()
                .try_for_each(|(name, text, _)| write_check(root, name, text))
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    let status = boot.status().unwrap();
    let mut failed = status.incident_failed();
    failed.sort_unstable();
    let mut expected = typos.map(|(name, ..)| (2, name));
    expected.sort_unstable();
    assert_eq!(failed, expected);
    for (name, _, text) in typos {
        let check = status.incident_check(name);
        let place = match text.starts_with(':') {
            true => format!("{CHECK_FILES}/{name}.check{text}"),
            false => format!("{CHECK_FILES}/{name}{text}"),
        };
        let message = check["message"].as_str().unwrap();
        assert!(message.contains(&place), "no '{place}' in '{message}'");
        let log = lines(&check["log"]);
        assert!(log.contains(&place), "no '{place}' in '{log}'");
    }
    boot.poweroff().unwrap();
}

/// Whoever can write there, or made it, could switch checks off: nothing of it is believed, and that is no good boot.
#[test]
fn directories_that_cannot_be_trusted_or_read_fail_closed() {
    let etc = |root: &Path| root.join(CHECK_FILES.trim_start_matches('/'));
    type Damage = fn(&Path) -> Result<()>;
    let damages: [(&str, Damage, &str); 3] = [
        (
            "writable",
            |directory| {
                Ok(fs::set_permissions(
                    directory,
                    Permissions::from_mode(0o777),
                )?)
            },
            "others than root may write to",
        ),
        (
            "foreign",
            |directory| Ok(chown(directory, Some(1000), None)?),
            "belongs to user 1000",
        ),
        (
            "unreadable",
            |directory| {
                fs::remove_dir_all(directory)?;
                Ok(symlink("checks.d", directory)?)
            },
            "cannot read the directory",
        ),
    ];
    let machine = known_good("trust", |root| {
        write_check(root, "fine", "[Check]\nExec=/bin/true\n")
    });
    for (number, (name, damage, text)) in (2..).zip(damages) {
        let update = machine.update(|root| damage(&etc(root))).unwrap();
        assert_eq!(update, number);
        let (boots, boot) = machine.run_to_end(3).unwrap();
        assert_eq!(
            course(&boots),
            [(number, Rebooted), (1, StayedUp)],
            "{name}"
        );
        let status = boot.status().unwrap();
        let failed = status.incident()["failed"].to_string();
        assert!(failed.contains(text), "{name}: no '{text}' in {failed}");
        boot.shell("health-checker reset").unwrap();
        boot.poweroff().unwrap();
    }
}

/// Between the generators and the verdict somebody writes other files. What was loaded stays.
#[test]
fn a_file_that_is_replaced_while_booting_keeps_its_unit() {
    let machine = Machine::new("replaced").unwrap();
    machine
        .edit(|root| {
            let text = |what: &str| format!("[Check]\nExec=/bin/sh -c 'echo {what} >> /run/%i'\n");
            for name in ["changed", "broken", "removed"] {
                write_check(root, name, &text("old"))?;
            }
            write_file(root, "/usr/share/new.check", text("new"))?;
            let script = "#!/bin/sh\ncd /etc/health-checker/checks.d\n\
                          cp /usr/share/new.check changed.check\ncp /usr/share/new.check added.check\n\
                          echo Nonsense > broken.check\nrm removed.check\n";
            write_plugin(root, "/usr/libexec", "replace", script)?;
            let unit = "[Service]\nType=oneshot\nExecStart=/usr/libexec/replace\n";
            write_unit(root, "replace.service", unit)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    // The added one is new to this boot, and is run like a plugin that appears late.
    let ran = boot
        .shell("cd /run; cat changed broken removed added")
        .unwrap();
    assert_eq!(ran, "old\nold\nold\nnew\n");
    assert_eq!(status.failed(), [""; 0]);
    for name in ["changed", "broken", "added"] {
        assert_check(&status, name, "passed", "");
    }
    assert_check(&status, &unit("removed"), "passed", "");
    assert_eq!(status.verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}
