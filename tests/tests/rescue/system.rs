//! The rescue program in whole machines whose health-checker cannot be executed, and where it has to leave them alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use machine::{Boot, Ended, Machine, VENDOR_PLUGINS, course, write_file, write_plugin};

use super::trouble::{LIMIT, assert_good, known_good, mount_options, remove, replace};

const PROGRAM: &str = "/usr/sbin/health-checker";
const LOG: &str = "/.snapshots/health-checker.rescued";
const UNIT: &str = "health-checker-rescue.service";

/// What health-checker writes at a healthy boot: these snapshots are known to be good, and it may act in a container.
fn write_rescue_file(root: &Path, good: &[u64]) {
    write_rescue_file_after(root, "container act\n", good);
}

fn write_rescue_file_after(root: &Path, decided: &str, good: &[u64]) {
    let lines = good.iter().map(|number| {
        let path = root.join(format!(".snapshots/{number}/snapshot"));
        let shown = Command::new("btrfs")
            .args(["subvolume", "show"])
            .arg(path)
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let word = |key: &str| {
            shown
                .lines()
                .find_map(|line| line.trim().strip_prefix(key))
                .unwrap()
                .trim()
        };
        format!(
            "good {number} {} {} -\n",
            word("Subvolume ID:"),
            word("UUID:")
        )
    });
    let text = decided.to_owned() + &lines.collect::<String>();
    write_file(root, "/.snapshots/health-checker.rescue", text).unwrap();
}

/// Snapshot 1 is known to be good, and an update breaks something.
fn broken(name: &str, edit: impl FnOnce(&Path)) -> Machine {
    let machine = known_good(name);
    machine
        .update(|root| {
            write_rescue_file(root, &[1]);
            edit(root);
            Ok(())
        })
        .unwrap();
    machine
}

fn log(machine: &Machine) -> Vec<String> {
    let read = |root: &Path| Ok(fs::read_to_string(root.join(&LOG[1..])).unwrap_or_default());
    machine
        .edit(read)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn comes_back(name: &str, edit: impl FnOnce(&Path)) {
    let machine = broken(name, edit);
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(course(&boots), [(2, Ended::Rebooted), (1, Ended::StayedUp)]);
    assert_good(&last, 2);
    last.poweroff().unwrap();
    let story = machine.journal(&["-u", UNIT, "-o", "cat"]).unwrap();
    assert!(
        story.contains("health-checker could not be executed: back from snapshot 2 to 1"),
        "{story}"
    );
    assert_eq!(machine.default_snapshot().unwrap(), 1);
    // The healthy boot takes the line over and removes it.
    for line in log(&machine) {
        let (_, line) = line.split_once(' ').unwrap();
        assert_eq!(line, "2 1 rescue health-checker could not be executed");
    }
}

#[test]
fn the_update_removed_health_checker() {
    comes_back("no-program", |root| remove(root, PROGRAM));
}

#[test]
fn the_update_made_health_checker_not_executable() {
    comes_back("mode", |root| {
        fs::set_permissions(root.join(&PROGRAM[1..]), fs::Permissions::from_mode(0o644)).unwrap();
    });
}

#[test]
fn the_update_broke_health_checker_and_snapper() {
    comes_back("crashes", |root| {
        replace(root, PROGRAM, "#!/bin/sh\nkill -SEGV $$\n");
        replace(root, "/usr/bin/snapper", "#!/bin/sh\nexit 1\n");
        remove(root, "/usr/bin/dash");
        std::os::unix::fs::symlink("bash", root.join("usr/bin/dash")).unwrap();
    });
}

#[test]
fn the_update_lost_the_mount_of_the_snapshots_too() {
    comes_back("no-mount", |root| {
        remove(root, PROGRAM);
        let table = fs::read_to_string(root.join("etc/fstab")).unwrap();
        let lines = table.lines().filter(|line| !line.contains("/.snapshots"));
        fs::write(
            root.join("etc/fstab"),
            lines.map(|line| format!("{line}\n")).collect::<String>(),
        )
        .unwrap();
    });
}

#[test]
fn the_update_mounted_the_snapshots_read_only() {
    comes_back("read-only", |root| {
        remove(root, PROGRAM);
        mount_options(root, "/.snapshots", "ro");
    });
}

/// Waits until the rescue program has ended, and returns what it said.
fn said_by_it(boot: &mut Boot) -> String {
    boot.wait("the rescue program", LIMIT, |boot| {
        let state = boot.shell(&format!(
            "systemctl show --value --property=ActiveState,InvocationID {UNIT}"
        ))?;
        Ok(state.starts_with("inactive") && state.trim().lines().count() > 1)
    })
    .unwrap();
    boot.said(UNIT).unwrap()
}

/// It ran, changed nothing and said why.
fn left_alone(machine: &Machine, mut boot: Boot, why: &str) {
    let look = "btrfs subvolume get-default /";
    let before = boot.shell(look).unwrap();
    let said = said_by_it(&mut boot);
    let expected = format!("health-checker: nothing is done: {why}");
    assert!(said.contains(&expected), "{said}");
    assert_eq!(boot.shell(look).unwrap(), before);
    let id = boot.shell("cat /proc/sys/kernel/random/boot_id").unwrap();
    boot.poweroff().unwrap();
    let lines = log(machine);
    assert!(
        !lines.iter().any(|line| line.contains(id.trim())),
        "{lines:?}"
    );
}

#[test]
fn after_three_lines_it_does_nothing_more() {
    let lines = "a 2 1 rescue x\nb 2 1 initrd x\nc 2 1 rescue x\n";
    let machine = broken("bounded", |root| {
        remove(root, PROGRAM);
        write_file(root, LOG, lines).unwrap();
    });
    let boot = machine.boot().unwrap();
    left_alone(
        &machine,
        boot,
        "3 rescues since the last healthy boot are enough",
    );
    assert_eq!(log(&machine).len(), 3);
}

#[test]
fn a_boot_by_hand_a_good_one_and_the_command_line_are_left_alone() {
    let machine = broken("alone", |root| remove(root, PROGRAM));
    let two = machine.new_snapshot(2).unwrap();
    let boot = machine.boot_from(two).unwrap();
    left_alone(
        &machine,
        boot,
        "snapshot 3 is not the default, it was booted by hand",
    );
    for (words, why) in [
        (
            "health-checker.action=report",
            "the kernel command line says so",
        ),
        (
            "health-checker-reboot=disabled",
            "the kernel command line says so",
        ),
    ] {
        let boot = machine.boot_with(&[words]).unwrap();
        left_alone(&machine, boot, why);
    }
    machine
        .edit(|root| {
            write_rescue_file(root, &[2, 1]);
            Ok(())
        })
        .unwrap();
    let boot = machine.boot().unwrap();
    left_alone(&machine, boot, "snapshot 2 is known to be good itself");
}

/// A drop-in, and its last line has no end.
fn configure(root: &Path, text: &str) -> anyhow::Result<()> {
    let file = "/etc/health-checker/health-checker.conf.d/50-test.conf";
    write_file(root, file, text)
}

#[test]
fn what_was_configured_at_the_last_healthy_boot_is_respected() {
    let machine = known_good("configured");
    machine
        .edit(|root| configure(root, "[Escalation]\nNewSnapshot=stop"))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_good(&boot, 1);
    boot.poweroff().unwrap();
    machine
        .update(|root| {
            remove(root, PROGRAM);
            Ok(())
        })
        .unwrap();
    let boot = machine.boot().unwrap();
    let why = "'NewSnapshot=' had no rollback at the last healthy boot";
    left_alone(&machine, boot, why);
    // Nobody who could read it has run since.
    machine
        .edit(|root| configure(root, "[Escalation]\nNewSnapshot=rollback"))
        .unwrap();
    let boot = machine.boot().unwrap();
    left_alone(&machine, boot, why);
}

#[test]
fn a_container_is_left_alone_where_nothing_else_was_decided() {
    let machine = broken("container", |root| {
        remove(root, PROGRAM);
        write_rescue_file_after(root, "", &[1]);
    });
    let boot = machine.boot().unwrap();
    left_alone(
        &machine,
        boot,
        "this is a container, and '[Boot] ActInContainer=yes' was not set at the last healthy boot",
    );
}

/// The fail-safe fails for other reasons than a broken program: a verdict is a verdict.
#[test]
fn a_judged_boot_is_left_alone() {
    let machine = broken("judged", |root| {
        write_plugin(root, VENDOR_PLUGINS, "fine", "#!/bin/sh\n").unwrap();
    });
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.shell(&format!("systemctl start {UNIT}")).unwrap();
    left_alone(&machine, boot, "health-checker has judged this boot");
}
