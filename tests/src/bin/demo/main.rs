//! `make demo`: an update breaks a machine, and the machine undoes it. A real btrfs machine with a real systemd; all
//! that is shown as output was just captured from it.

mod narrator;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use machine::{
    ADMIN_PLUGINS, Boot, Ended, Machine, VENDOR_PLUGINS, base, check_host, write_plugin,
};
use serde_json::Value;

use narrator::Narrator;

/// A boot takes a few seconds; a starved machine may take long.
const LIMIT: Duration = Duration::from_secs(120);
/// The story has two boots after the update: more are an endless loop, and the demo ends by itself.
const MAX_BOOTS: usize = 4;

/// The plugin that thousands of MicroOS machines have, but for the Debian name of the service.
const SSHD: &str = "#!/bin/bash
run_checks() { systemctl is-failed -q ssh; test $? -ne 1 && exit 1; }
stop_services() { systemctl stop ssh; }
case \"$1\" in
    check) run_checks ;;
    stop) stop_services ;;
esac
exit 0
";
/// A plugin of the administrator. `/usr/local` is mounted after systemd's generators ran: it is found later.
const FREE_SPACE: &str = "#!/bin/sh
[ \"$1\" = check ] || exit 0
free=$(df --output=avail -m /var | tail -n 1)
echo \"$free MiB are free in /var\"
[ \"$free\" -ge 100 ]
";

fn main() -> ExitCode {
    let mut narrator = Narrator::new();
    let told = tell(&mut narrator);
    narrator.summary(told.err().as_ref())
}

fn tell(narrator: &mut Narrator) -> Result<()> {
    let machine = make(narrator)?;
    let boot = first_boot(narrator, &machine)?;
    update(narrator, boot)?;
    let boot = healing(narrator, &machine)?;
    look_back(narrator, &boot)?;
    boot.poweroff()?;
    let default = machine.default_snapshot()?;
    narrator.expect("the default snapshot is 1 again", default == 1);
    Ok(())
}

fn make(narrator: &mut Narrator) -> Result<Machine> {
    narrator.chapter("A machine, laid out as MicroOS is, with health-checker and two checks");
    narrator.say(
        "Debian 13 with systemd 257, root file system a read-only btrfs snapshot, in a container. Its disk is \
         kept for the next time; the first time takes a minute, and downloads Debian's packages.",
    );
    check_host()?;
    base(machine::Release::Trixie)?;
    let machine = Machine::new("demo")?;
    machine.edit(|root| {
        write_plugin(root, VENDOR_PLUGINS, "sshd", SSHD)?;
        write_plugin(root, ADMIN_PLUGINS, "free-space", FREE_SPACE)
    })?;
    for (directory, name, script) in [
        (VENDOR_PLUGINS, "sshd", SSHD),
        (ADMIN_PLUGINS, "free-space", FREE_SPACE),
    ] {
        narrator.file(&format!("{directory}/{name}"), script);
    }
    Ok(machine)
}

fn first_boot(narrator: &mut Narrator, machine: &Machine) -> Result<Boot> {
    narrator.chapter("1. First boot: both checks pass, and snapshot 1 becomes known good");
    let mut boot = machine.boot()?;
    let ended = boot.wait_verdict(LIMIT)?;
    narrator.booted(&boot, ended);
    narrator.expect(
        "snapshot 1 stays up",
        (boot.snapshot(), ended) == (Some(1), Ended::StayedUp),
    );
    narrator.run(&boot, "health-checker status")?;
    narrator.run(
        &boot,
        "systemctl is-active health-checker.service boot-complete.target",
    )?;
    let status = status(&boot)?;
    narrator.expect("the first boot is healthy", status["verdict"] == "healthy");
    narrator.expect("snapshot 1 is known good", known_good(&status) == [1]);
    Ok(boot)
}

fn update(narrator: &mut Narrator, boot: Boot) -> Result<()> {
    narrator
        .chapter("2. An update in a new snapshot removes openssh-server; then the machine reboots");
    narrator.say(
        "The running system does not change: sshd goes on, and nobody sees what the next boot will lack. \
         ('transactional-update' is a stand-in here, on real snapper and btrfs: Debian has none.)",
    );
    let update = narrator.run(&boot, "transactional-update pkg rm openssh-server")?;
    narrator.expect("the update succeeds", update);
    narrator.run(&boot, "systemctl is-active ssh; snapper list")?;
    narrator.run(&boot, "transactional-update reboot")?;
    let ended = boot.wait_end()?;
    narrator.expect("the machine reboots", ended == Ended::Rebooted);
    Ok(())
}

/// From now on nobody does anything but switch the machine on again when it reboots, as firmware does.
fn healing(narrator: &mut Narrator, machine: &Machine) -> Result<Boot> {
    narrator.chapter("3. What happens now, nobody asks for");
    let mut boots = Vec::new();
    let mut last = None;
    while boots.len() < MAX_BOOTS && last.is_none() {
        let mut boot = machine.boot()?;
        let ended = boot.wait_verdict(LIMIT)?;
        narrator.booted(&boot, ended);
        boots.push((boot.snapshot(), ended));
        if ended == Ended::StayedUp {
            last = Some(boot);
        }
    }
    narrator.expect(
        "snapshot 2 is booted, fails and reboots; snapshot 1 is booted and stays up",
        boots == [(Some(2), Ended::Rebooted), (Some(1), Ended::StayedUp)],
    );
    last.with_context(|| format!("the machine never stayed up: {boots:?}"))
}

fn look_back(narrator: &mut Narrator, boot: &Boot) -> Result<()> {
    narrator.chapter("4. What the administrator sees in the morning");
    narrator.run(boot, "health-checker status")?;
    narrator.run(
        boot,
        "systemctl status --no-pager --lines=3 'health-check*@*'",
    )?;
    narrator.say("The journal of the boot that was undone, and of this one:");
    for offset in ["-1", "0"] {
        let command = format!("journalctl --no-pager -b {offset} -u health-checker.service");
        narrator.run(boot, &command)?;
    }
    narrator.run(boot, "systemctl is-active ssh; snapper list")?;

    let status = status(boot)?;
    let incident = &status["incident"];
    narrator.expect("this boot is healthy", status["verdict"] == "healthy");
    narrator.expect(
        "the incident names the check 'sshd', and only it",
        names(&incident["failed"]) == ["sshd"],
    );
    narrator.expect(
        "the incident says that it was rolled back",
        incident["steps"]
            .as_array()
            .is_some_and(|steps| steps.iter().any(|step| step["action"] == "rollback")),
    );
    let ssh = boot.run(["systemctl", "is-active", "ssh"])?;
    narrator.expect("sshd runs again", ssh.status.success());
    Ok(())
}

fn status(boot: &Boot) -> Result<Value> {
    let text = boot.shell("health-checker status --json")?;
    serde_json::from_str(&text).with_context(|| format!("'{text}' is not JSON"))
}

fn known_good(status: &Value) -> Vec<u64> {
    let good = status["known_good"].as_array().into_iter().flatten();
    good.filter_map(|snapshot| snapshot["number"].as_u64())
        .collect()
}

fn names(checks: &Value) -> Vec<&str> {
    let checks = checks.as_array().into_iter().flatten();
    checks.filter_map(|check| check["name"].as_str()).collect()
}
