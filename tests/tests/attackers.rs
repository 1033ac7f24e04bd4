//! An unprivileged user of the machine attacks health-checker in all its boots: it may cost time, and decides nothing.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use machine::{
    ADMIN_PLUGINS, Ended, VENDOR_PLUGINS, course, write_check, write_file, write_plugin, write_unit,
};
use trouble::{BROKEN, LIMIT, install_fail_points, known_good, known_good_with};

/// On a subvolume that survives rollbacks.
const PROGRAM: &str = "/opt/attacker";

/// Lets `nobody` attack from the next boot on, as early as possible.
fn attack(root: &Path, how: &str) -> anyhow::Result<()> {
    let program = fs::read(env!("CARGO_BIN_EXE_attacker"))?;
    let (directory, name) = PROGRAM.rsplit_once('/').unwrap();
    write_plugin(root, directory, name, program)?;
    let unit = format!(
        "[Unit]\nDefaultDependencies=no\nAfter=opt.mount\n\
         [Service]\nUser=nobody\nExecStart={PROGRAM} {how}\nRestart=always\nRestartSec=50ms\n"
    );
    write_unit(root, "attacker.service", &unit)
}

#[test]
fn signals_of_a_user_decide_nothing() {
    let machine = known_good("signals");
    machine
        .edit(|root| {
            attack(root, "signals")?;
            // Tried again, so that there is much to wait for.
            write_check(root, "retried", "[Check]\nRetries=9\nRetrySec=1s\n")?;
            let retried = "#!/bin/sh\necho >> /run/tries\ntest $(wc -l < /run/tries) -gt 2\n";
            write_plugin(root, ADMIN_PLUGINS, "retried", retried)?;
            write_plugin(root, ADMIN_PLUGINS, "slow", "#!/bin/sh\nsleep 2\n")
        })
        .unwrap();
    // A good update stays.
    let good = machine
        .update(|root| write_file(root, "/usr/better", ""))
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(good, Ended::StayedUp)]);
    let status = last.status().unwrap();
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("healthy", "none"), vec![good, 1])
    );
    assert!(status.0["incident"].is_null(), "{status:#?}");
    // It was there all the time, and an administrator is told.
    let said = last
        .journal(&["-b", "-o", "cat", "-u", "health-checker"])
        .unwrap();
    assert!(said.contains("look like systemd's and are not"), "{said}");
    assert_eq!(last.state_of("attacker.service").unwrap(), "active");
    last.poweroff().unwrap();
    // A bad one goes.
    let bad = machine.update(|root| write_file(root, BROKEN, "")).unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (good, Ended::StayedUp)]
    );
    let status = last.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.steps(), [("rollback", "done")]);
    last.poweroff().unwrap();
}

/// Neither waits as long as it would.
const SOON: &str = "[Checks]\nSettleTimeoutSec=5s\n[Boot]\nActInContainer=yes\nDeadlineSec=40s\n";

#[test]
fn a_user_who_holds_the_bus_takes_no_good_update_back() {
    let machine = known_good_with("held", install_fail_points);
    machine
        .edit(|root| {
            attack(root, "connections")?;
            write_file(root, "/etc/health-checker/health-checker.conf", SOON)
        })
        .unwrap();
    let good = machine
        .update(|root| write_file(root, "/usr/better", ""))
        .unwrap();
    let mut boot = machine.boot().unwrap();
    boot.wait("the deadline", LIMIT, |boot| {
        Ok(boot
            .run(["test", "-e", "/run/health-checker/report.json"])?
            .status
            .success())
    })
    .unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert_eq!(boot.snapshot(), Some(good));
    // Not known good either: nobody has judged it.
    boot.shell("systemctl stop attacker").unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unknown", "none"));
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![]));
    assert_ne!(boot.state_of("boot-complete.target").unwrap(), "active");
    // That is made up for.
    boot.shell("systemctl restart health-checker").unwrap();
    let status = boot.status().unwrap();
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("healthy", "none"), vec![good, 1])
    );
    boot.poweroff().unwrap();
}

#[test]
fn a_user_cannot_hold_the_lock() {
    let machine = known_good("lock");
    machine
        .edit(|root| attack(root, "lock /run/health-checker"))
        .unwrap();
    let mut boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.wait("the attacker", LIMIT, |boot| {
        let said = boot.journal(&["-b", "-u", "attacker"])?;
        Ok(said.contains("report.json"))
    })
    .unwrap();
    // Judged once more in this boot: the lock is there since the first time.
    boot.shell("systemctl stop health-checker; rm /run/health-checker/report.json")
        .unwrap();
    boot.shell("timeout 20 systemctl start health-checker")
        .unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    let said = boot.journal(&["-b", "-u", "attacker"]).unwrap();
    assert!(!said.contains("lock'"), "{said}");
    // And the fail-safe acts where there is no verdict.
    boot.shell("systemctl stop health-checker; rm /run/health-checker/report.json")
        .unwrap();
    boot.shell("systemctl --no-block start health-checker-failsafe")
        .unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::Rebooted);
}

/// Both plugins are root's when the boot begins, and somebody's soon after.
const CHANGES_HANDS: &str = "[Unit]\nDefaultDependencies=no\nAfter=local-fs.target\n\
    Before=health-check-settle.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=sh -c 'systemctl start health-check@early.service; chown 1000 /etc/late /etc/early'\n";

#[test]
fn a_plugin_that_is_not_roots_any_more_is_not_run() {
    let machine = known_good("hands");
    let update = machine
        .update(|root| {
            for name in ["early", "late"] {
                let script = format!("#!/bin/sh\necho {name} >> /var/ran\n");
                write_plugin(root, "/etc", name, script)?;
                let plugin = root.join(VENDOR_PLUGINS.trim_start_matches('/')).join(name);
                symlink(Path::new("/etc").join(name), plugin)?;
            }
            // It has run already when the boot has settled.
            write_check(root, "early", "[Unit]\nAfter=local-fs.target\n")?;
            write_unit(root, "hands.service", CHANGES_HANDS)
        })
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        course(&boots),
        [(update, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_eq!(last.shell("cat /var/ran").unwrap(), "early\n");
    let status = last.status().unwrap();
    assert_eq!(
        status.incident_failed(),
        [(update, "early"), (update, "late")]
    );
    for name in ["early", "late"] {
        let message = status.incident_check(name)["message"].as_str().unwrap();
        assert!(message.contains("belongs to user 1000"), "{message}");
    }
    last.poweroff().unwrap();
}
