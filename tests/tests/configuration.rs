//! `health-checker.conf`: what it says is what happens, and what is wrong with it is named while nothing is acted on.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::symlink;
use std::time::Duration;

use machine::Ended::{PoweredOff, Rebooted, StayedUp};
use machine::{
    ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, add_to_health_target, course, write_file,
    write_plugin,
};

const LIMIT: Duration = Duration::from_secs(60);
const PASS: &str = "#!/bin/sh\nexit 0\n";
/// Says whether it was run, and whether it was asked to stop.
const FAIL: &str = "#!/bin/sh\n[ $1 = stop ] && touch /run/stopped || touch /run/ran\nexit 1\n";
const DROP_IN: &str = "/etc/health-checker/health-checker.conf.d/50-test.conf";

/// Writes a drop-in. The machine's own file has '[Boot] ActInContainer=yes'.
fn configure(machine: &Machine, text: &str) {
    machine
        .edit(|root| write_file(root, DROP_IN, text))
        .unwrap();
}

/// A machine with a known good snapshot 1, and a new snapshot 2 with one more plugin.
fn updated(plugin: &str) -> Machine {
    let machine = Machine::new("configured").unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().known_good(), [1]);
    boot.poweroff().unwrap();
    machine
        .update(|root| write_plugin(root, VENDOR_PLUGINS, "new", plugin))
        .unwrap();
    machine
}

/// Value of an option in effect, and the lines that it comes from.
fn option(boot: &Boot, name: &str) -> (String, String) {
    let config = boot.json("health-checker config --json").unwrap();
    let options = config["options"].as_array().unwrap();
    let option = options.iter().find(|o| o["option"] == name).unwrap();
    let value = option["value"].as_str().unwrap();
    (value.to_owned(), machine::lines(&option["from"]))
}

#[test]
fn disabled_checks_are_neither_run_nor_counted_but_listed() {
    let machine = Machine::new("disabled").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "good", PASS)?;
            write_plugin(root, VENDOR_PLUGINS, "bad-early", FAIL)?;
            write_plugin(root, ADMIN_PLUGINS, "bad-late", FAIL)?;
            let unit = "[Service]\nType=oneshot\nExecStart=false\n";
            write_file(root, "/etc/systemd/system/broken.service", unit)?;
            add_to_health_target(root, "add-requires", "broken.service")?;
            write_file(
                root,
                DROP_IN,
                "[Checks]\nDisable=bad-*\nDisable=broken.service\n",
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"), "{status:?}");
    let list = boot.shell("health-checker list").unwrap();
    for (name, line) in [("bad-early", 2), ("bad-late", 2), ("broken.service", 3)] {
        let why = format!("disabled in {DROP_IN}:{line}");
        assert_eq!(status.check(name)["result"], "skipped", "{name}");
        assert_eq!(status.check(name)["message"], *why);
        assert!(list.contains(&format!("{name}: {why}\n")), "{list}");
    }
    boot.shell("! test -e /run/ran").unwrap();
    boot.shell("health-checker; ! test -e /run/ran").unwrap();

    // Taken back, they run again.
    boot.shell(&format!("rm {DROP_IN}; systemctl daemon-reload"))
        .unwrap();
    boot.shell("! health-checker; test -e /run/ran").unwrap();
    boot.poweroff().unwrap();
}

#[test]
fn a_ladder_without_rollback_stays_and_an_empty_one_only_reports() {
    let machine = updated(FAIL);
    configure(
        &machine,
        "[Escalation]\nNewSnapshot=stop\n[Notify]\nLogin=no\n",
    );
    let (boots, boot) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(2, StayedUp)]);
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));
    boot.shell("test -e /run/stopped; ! test -e /run/motd.d/50-health-checker")
        .unwrap();
    boot.poweroff().unwrap();

    configure(&machine, "[Escalation]\nNewSnapshot=\n");
    let (boots, boot) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(2, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "none"), "{status:?}");
    boot.shell("! test -e /run/stopped; test -e /run/motd.d/50-health-checker")
        .unwrap();
    boot.poweroff().unwrap();

    // It was the configuration that held it back.
    configure(&machine, "[Escalation]\nNewSnapshot=rollback\n");
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (1, StayedUp)]);
    boot.poweroff().unwrap();
}

#[test]
fn a_new_snapshot_gets_as_many_tries_as_configured() {
    let machine = updated(FAIL);
    configure(&machine, "[Escalation]\nTries=3\n");
    let (boots, boot) = machine.run_to_end(5).unwrap();
    let expected = [(2, Rebooted), (2, Rebooted), (2, Rebooted), (1, StayedUp)];
    assert_eq!(course(&boots), expected);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.steps(), [("reboot", "done"), ("rollback", "done")]);
    assert_eq!(status.step("reboot")["attempts"], 2);
    assert_eq!((status.bad(), status.known_good()), (vec![2], vec![1]));
    boot.poweroff().unwrap();
}

#[test]
fn a_new_snapshot_that_passes_at_the_second_try_is_kept() {
    let machine = updated("#!/bin/sh\ntest -e /var/second || { touch /var/second; exit 1; }\n");
    configure(&machine, "[Escalation]\nTries=2\n");
    let (boots, boot) = machine.run_to_end(3).unwrap();
    assert_eq!(course(&boots), [(2, Rebooted), (2, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!((status.bad(), status.known_good()), (vec![], vec![2, 1]));
    assert_eq!(status.steps(), [("reboot", "done")]);
    boot.poweroff().unwrap();
}

#[test]
fn stopping_can_mean_rescue_or_emergency_mode_and_the_report_is_kept() {
    for mode in ["rescue", "emergency"] {
        let machine = Machine::new(mode).unwrap();
        machine
            .edit(|root| write_plugin(root, VENDOR_PLUGINS, "bad", FAIL))
            .unwrap();
        configure(&machine, &format!("[Escalation]\nStop={mode}\n"));
        let (boots, mut boot) = machine.run_to_end(2).unwrap();
        assert_eq!(course(&boots), [(1, StayedUp)]);
        boot.wait("the mode to be entered", LIMIT, |boot| {
            Ok(boot.state_of(&format!("{mode}.target"))? == "active"
                && boot.state_of("ssh")? == "inactive"
                && boot.state_of("health-checker-failsafe")? == "inactive")
        })
        .unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), ("unhealthy", "stop"), "{mode}");
        assert_eq!(status.steps(), [("stop", "done")]);
        assert_eq!(status.incident_failed(), [(1, "bad")]);
        boot.shell("test -e /run/stopped; test -e /run/motd.d/50-health-checker")
            .unwrap();
        let runner = boot.shell("systemctl show -P Result health-checker");
        // It ended by itself, with the verdict as its exit status: nobody killed it.
        assert_eq!(runner.unwrap(), "exit-code\n", "{mode}");
        boot.kill().unwrap();
    }
}

#[test]
fn stopping_can_mean_to_switch_the_machine_off() {
    let machine = Machine::new("off").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "bad", FAIL))
        .unwrap();
    configure(&machine, "[Escalation]\nStop=poweroff\n");
    assert_eq!(machine.boot().unwrap().wait_end().unwrap(), PoweredOff);

    let mut boot = machine.boot_with(&["health-checker=0"]).unwrap();
    boot.wait_finished().unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.steps(), [("stop", "done")]);
    assert_eq!(status.incident_failed(), [(1, "bad")]);
    boot.poweroff().unwrap();
}

#[test]
fn limits_of_checks_and_of_settling_are_configured() {
    let machine = Machine::new("limits").unwrap();
    machine
        .edit(|root| {
            let hangs = "#!/bin/sh\n[ $1 = stop ] || exec sleep 600\n";
            write_plugin(root, VENDOR_PLUGINS, "hangs", hangs)?;
            let unit = "[Service]\nType=oneshot\nExecStart=sleep 600\n";
            write_file(root, "/etc/systemd/system/endless.service", unit)?;
            let wants = root.join("etc/systemd/system/multi-user.target.wants");
            symlink("../endless.service", wants.join("endless.service"))?;
            let text = "[Checks]\nDefaultTimeoutSec=1s\nSettleTimeoutSec=2s\n";
            write_file(root, DROP_IN, text)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.check("hangs")["result"], "timeout");
    let settle = status.check("settle")["message"].as_str().unwrap();
    assert!(settle.contains("within 2 s"), "{settle}");
    assert!(settle.contains("endless.service"), "{settle}");
    boot.kill().unwrap();
}

#[test]
fn files_and_drop_ins_have_systemds_precedence() {
    let machine = Machine::new("precedence").unwrap();
    machine
        .edit(|root| {
            let vendor = "/usr/lib/health-checker/health-checker.conf";
            // Hidden by the main file in /etc.
            write_file(root, vendor, "[Escalation]\nStop=rescue\nTries=9\n")?;
            let drop_in = |directory: &str, name, text| {
                let path = format!("{directory}/health-checker/health-checker.conf.d/{name}");
                write_file(root, path, text)
            };
            drop_in("/usr/lib", "10-a.conf", "[Escalation]\nTries=2\n")?;
            drop_in("/usr/lib", "20-b.conf", "[Escalation]\nTries=3\n")?;
            drop_in("/usr/lib", "30-c.conf", "[Notify]\nLogin=no\n")?;
            drop_in("/usr/lib", "40-d.conf", "[Checks]\nStableSec=1s\n")?;
            drop_in("/etc", "10-a.conf", "[Escalation]\nTries=4\n")?;
            let mask = "etc/health-checker/health-checker.conf.d/30-c.conf";
            Ok(symlink("/dev/null", root.join(mask))?)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let run = "/run/health-checker/health-checker.conf.d";
    boot.shell(&format!(
        "mkdir {run}; printf '[Checks]\\nStableSec=2s\\n' > {run}/40-d.conf"
    ))
    .unwrap();
    let is = |name, value: &str, from: &str| {
        assert_eq!(option(&boot, name), (value.to_owned(), from.to_owned()));
    };
    let d = "/health-checker/health-checker.conf.d";
    is("Tries", "3", &format!("/usr/lib{d}/20-b.conf:2"));
    is("StableSec", "2s", &format!("/run{d}/40-d.conf:2"));
    is("Stop", "stop", "");
    is("Login", "yes", "");
    let main = "/etc/health-checker/health-checker.conf:2";
    is("ActInContainer", "yes", main);
    // The same files in the same order as systemd has them.
    let theirs =
        "systemd-analyze cat-config health-checker/health-checker.conf | sed -n 's/^# \\//\\//p'";
    let theirs = boot.shell(&format!("{theirs} | grep -v 30-c")).unwrap();
    let config = boot.json("health-checker config --json").unwrap();
    assert_eq!(machine::lines(&config["files"]), theirs.trim_end());
    let table = boot.shell("health-checker config").unwrap();
    assert!(table.contains("[Escalation] Stop"), "{table}");
    assert!(table.contains("default\n"), "{table}");
    boot.poweroff().unwrap();
}

#[test]
fn with_a_mistake_nothing_is_acted_on_and_disabled_checks_stay_disabled() {
    let machine = updated(FAIL);
    let text = "[Checks]\nDisable=off\n[Escalation]\nTrys=2\nStop=halt\n";
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "off", FAIL)?;
            write_file(root, DROP_IN, text)
        })
        .unwrap();
    let (boots, boot) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(2, StayedUp)]);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "none"), "{status:?}");
    assert_eq!(status.failed(), ["new"]);
    assert_eq!(status.check("off")["result"], "skipped");
    boot.shell("! test -e /run/stopped").unwrap();
    let (code, shown) = boot.try_shell("health-checker config").unwrap();
    assert_eq!(code, Some(1), "{shown}");
    let journal = boot.journal(&["-b", "-u", "health-checker"]).unwrap();
    let warnings = machine::lines(&status.0["warnings"]);
    for told in [shown, journal, warnings] {
        let key =
            format!("{DROP_IN}:4: unknown option 'Trys=' in [Escalation]; did you mean 'Tries='?");
        assert!(told.contains(&key), "{told}");
        let value = format!("{DROP_IN}:5: 'Stop=': 'halt' is not one of 'stop', 'rescue', ");
        assert!(told.contains(&value), "{told}");
    }
    // What the generator saw is in the kernel's log, which a container does not have: it only has to work.
    boot.shell("! systemctl is-active health-check@off")
        .unwrap();
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);
}
