//! The command line in a booted machine: checks run by hand have no consequences; what it prints is for people and programs.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{
    ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, add_to_health_target, course, write_file,
    write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\necho >> /var/runs\nexit 0\n";
/// Fails while a file is there.
const FLAG: &str = "#!/bin/sh\necho looking for the flag\n! test -e /var/flag\n";

fn booted() -> (Machine, Boot) {
    let machine = Machine::new("cli").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "sshd.sh", PASS)?;
            write_plugin(root, ADMIN_PLUGINS, "flag", FLAG)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    (machine, boot)
}

/// All that a run by hand must leave as it is.
fn consequences(boot: &Boot) -> String {
    boot.shell(
        "systemctl show -P ActiveState -P ActiveEnterTimestampMonotonic -P InvocationID \
         health-check.target boot-complete.target multi-user.target health-checker.service health-check-settle.service; \
         cat /var/lib/health-checker/* /var/lib/misc/health-check.state /run/health-checker/*; ls -l /run/motd.d /run/issue.d 2> /dev/null || :; \
         btrfs subvolume get-default /; snapper list",
    )
    .unwrap()
}

#[test]
fn checks_run_by_hand_have_no_consequences() {
    let (_machine, boot) = booted();
    let before = consequences(&boot);
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("Health check passed\n"), "{text}");
    assert_eq!(
        text.lines().count(),
        4,
        "a heading, one line a check, the verdict: {text}"
    );
    assert_eq!(
        boot.shell("wc -l < /var/runs").unwrap(),
        "2\n",
        "it ran again"
    );
    assert_eq!(consequences(&boot), before);

    boot.shell("touch /var/flag").unwrap();
    for command in ["health-checker", "health-checker check flag"] {
        let (code, text) = boot.try_shell(command).unwrap();
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("flag"), "{text}");
        assert_eq!(consequences(&boot), before, "after '{command}'");
    }
    let (_, text) = boot.try_shell("health-checker").unwrap();
    assert!(
        text.contains("Health check failed: flag (1 of 2 passed)"),
        "{text}"
    );
    boot.shell("rm /var/flag").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(consequences(&boot), before);
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}

#[test]
fn units_of_others_are_looked_at_and_never_restarted() {
    let machine = Machine::new("cli-units").unwrap();
    let daemon = "[Service]\nExecStart=/bin/sleep infinity\n";
    machine
        .edit(|root| {
            write_file(root, "/etc/systemd/system/shop.service", daemon)?;
            write_file(root, "/etc/systemd/system/nice.service", daemon)?;
            add_to_health_target(root, "add-requires", "shop.service")?;
            add_to_health_target(root, "add-wants", "nice.service")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let pid = boot.shell("systemctl show -P MainPID shop nice").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        boot.shell("systemctl show -P MainPID shop nice").unwrap(),
        pid
    );
    boot.shell("systemctl stop nice").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "only wanted: {text}");
    assert!(text.contains("nice.service"), "{text}");
    boot.shell("systemctl kill -s KILL shop").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("Health check failed: ") && text.contains("shop.service"),
        "{text}"
    );
    boot.poweroff().unwrap();
}

#[test]
fn plugins_and_conditions_that_come_after_the_boot_count_at_once() {
    let (machine, boot) = booted();
    // Written to /usr/local, without a daemon-reload.
    boot.shell("printf '#!/bin/sh\\nexit 5\\n' > '/usr/local/libexec/health-checker/new one'; chmod +x '/usr/local/libexec/health-checker/new one'").unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("Health check failed: new one (2 of 3 passed)"),
        "{text}"
    );
    // Repaired, then removed.
    boot.shell("sed -i s/5/0/ '/usr/local/libexec/health-checker/new one'")
        .unwrap();
    let (code, text) = boot.try_shell("health-checker check 'new one'").unwrap();
    assert_eq!(code, Some(0), "{text}");
    boot.shell("rm '/usr/local/libexec/health-checker/new one'")
        .unwrap();
    let (code, text) = boot.try_shell("health-checker").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("new one"), "{text}");
    boot.poweroff().unwrap();

    // A check that was skipped in the boot is tried again by hand.
    machine
        .edit(|root| {
            write_file(
                root,
                "/etc/systemd/system/health-check@sshd.sh.service.d/when.conf",
                "[Unit]\nConditionPathExists=/run/now\n",
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict().0, "healthy");
    assert_eq!(status.check("sshd.sh")["result"], "skipped");
    boot.shell("rm -f /var/runs; touch /run/now; health-checker; test -s /var/runs")
        .unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn wrong_names_and_missing_rights_are_told() {
    let (_machine, boot) = booted();
    let (code, text) = boot.try_shell("health-checker check shsd.sh").unwrap();
    assert_eq!(code, Some(1));
    assert!(
        text.contains("no check 'shsd.sh'") && text.contains("did you mean 'sshd.sh'?"),
        "{text}"
    );
    let (code, text) = boot.try_shell("health-checker check zzz").unwrap();
    assert_eq!(code, Some(1));
    assert!(text.contains("'health-checker list'"), "{text}");
    let (code, text) = boot.try_shell("health-checker statsu").unwrap();
    assert_eq!(code, Some(2));
    assert!(text.contains("'status'"), "{text}");
    // One wrong name, and none is run.
    boot.shell("rm /var/runs; ! health-checker check sshd.sh zzz; ! test -e /var/runs")
        .unwrap();

    for command in [
        "",
        "check flag",
        "status",
        "history",
        "reset",
        "run",
        "settle",
    ] {
        let (code, text) = boot
            .try_shell(&format!(
                "setpriv --reuid=nobody --clear-groups health-checker {command}"
            ))
            .unwrap();
        assert_eq!(code, Some(1), "'{command}': {text}");
        assert!(text.contains("root"), "'{command}': {text}");
    }
    let list = boot
        .shell("setpriv --reuid=nobody --clear-groups health-checker list")
        .unwrap();
    assert!(list.contains("sshd.sh"), "{list}");
    boot.poweroff().unwrap();
}

#[test]
fn history_and_reset() {
    let (machine, boot) = booted();
    let (code, text) = boot.try_shell("health-checker reset").unwrap();
    assert_eq!(code, Some(0));
    assert!(text.contains("no incident"), "{text}");
    boot.poweroff().unwrap();
    machine
        .update(|root| {
            write_plugin(
                root,
                VENDOR_PLUGINS,
                "bad",
                "#!/bin/sh\necho out of cheese\nexit 6\n",
            )
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots).len(), 2);
    for command in ["status", "history"] {
        let text = boot.shell(&format!("health-checker {command}")).unwrap();
        for part in ["bad", "exited with status 6", "out of cheese", "rollback"] {
            assert!(
                text.contains(part),
                "'{part}' is not in '{command}': {text}"
            );
        }
    }
    boot.shell("health-checker reset").unwrap();
    let status = boot.status().unwrap();
    assert!(status.incident().is_null());
    assert_eq!(status.bad(), [2], "acknowledged is not forgiven");
    let text = boot.shell("health-checker status").unwrap();
    assert!(!text.contains("out of cheese"), "{text}");
    let text = boot.shell("health-checker history").unwrap();
    assert!(text.contains("out of cheese"), "{text}");
    boot.poweroff().unwrap();
}

#[test]
fn output_is_coloured_on_a_terminal_only() {
    let (_machine, boot) = booted();
    for command in ["", "status", "list", "history", "check flag"] {
        let piped = boot.shell(&format!("health-checker {command}")).unwrap();
        assert!(!piped.contains('\u{1b}'), "'{command}': {piped}");
    }
    let on_terminal = |settings: &str| {
        let script = format!(
            "script --quiet --return --command '{settings} health-checker status' /dev/null"
        );
        boot.shell(&script).unwrap()
    };
    assert!(on_terminal("TERM=xterm").contains("\u{1b}[32mhealthy"));
    for plain in ["TERM=dumb", "TERM=xterm NO_COLOR=1"] {
        assert!(!on_terminal(plain).contains('\u{1b}'), "{plain}");
    }
    // A reader that has seen enough is no error.
    boot.shell("health-checker list | head -n 1").unwrap();
    boot.poweroff().unwrap();
}
