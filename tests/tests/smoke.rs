//! Proves the machines themselves, without health-checker: they boot, are updated, rolled back, and lose power.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;

use machine::{Boot, Ended, Layout, Machine, Release, write_file};

fn bare(name: &str) -> Machine {
    Machine::builder().bare().build(name).unwrap()
}

/// Boots a machine until nothing is queued any more.
fn up(machine: &Machine) -> Boot {
    let mut boot = machine.boot().unwrap();
    boot.wait_finished().unwrap();
    boot
}

#[test]
fn both_releases_boot_cleanly() {
    for (release, version) in [(Release::Trixie, "257"), (Release::Bookworm, "252")] {
        let machine = Machine::builder()
            .bare()
            .release(release)
            .build("boot")
            .unwrap();
        assert_eq!(machine.default_snapshot().unwrap(), 1);
        let boot = up(&machine);
        assert_eq!(boot.snapshot(), Some(1));
        let report = boot.shell("systemctl show --value --property=Version; systemctl is-active ssh; systemctl --failed --quiet").unwrap();
        assert!(report.starts_with(version), "{report}");
        assert!(report.ends_with("active\n"), "{report}");
        // A read-only root with a writable /etc, and snapper with and without D-Bus.
        boot.shell("! touch /file && touch /etc/file && findmnt /usr/local && snapper list && snapper --no-dbus list").unwrap();
        boot.poweroff().unwrap();
        assert!(
            machine
                .journal(&["-u", "ssh"])
                .unwrap()
                .contains("OpenBSD Secure Shell")
        );
    }
}

#[test]
fn update_and_rollback_from_inside() {
    let machine = bare("update");
    let boot = up(&machine);
    boot.shell("transactional-update run touch /usr/marker && ! test -e /usr/marker && test -e /run/reboot-needed").unwrap();
    boot.reboot().unwrap();

    let boot = up(&machine);
    assert_eq!(boot.snapshot(), Some(2));
    boot.shell(
        "test -e /usr/marker && ! transactional-update run false && ! test -e /.snapshots/3",
    )
    .unwrap();
    let same = boot.run(["transactional-update", "rollback", "2"]).unwrap();
    assert_eq!(same.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&same.stdout),
        "Active snapshot is already default snapshot.\n"
    );
    let locked = boot
        .shell("flock /run/transactional-update.pid transactional-update rollback 1 || echo $?")
        .unwrap();
    assert_eq!(
        locked,
        "Couldn't get lock, is another instance already running?\n1\n"
    );
    let unknown = boot
        .run(["transactional-update", "rollback", "99"])
        .unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    let rollback = boot.shell("transactional-update rollback last").unwrap();
    assert!(
        rollback.ends_with("Please reboot to finish rollback!\n"),
        "{rollback}"
    );
    boot.shell("transactional-update reboot").unwrap();
    assert_eq!(boot.wait_end().unwrap(), Ended::Rebooted);

    assert_eq!(
        machine.snapshots().unwrap(),
        [1, 2],
        "rollback must not copy"
    );
    let boot = up(&machine);
    assert_eq!(boot.snapshot(), Some(1));
    boot.shell("! test -e /usr/marker").unwrap();
}

#[test]
fn a_removed_package_is_gone_until_rollback() {
    let machine = bare("package");
    let boot = up(&machine);
    boot.shell("transactional-update pkg rm openssh-server; systemctl is-active ssh")
        .unwrap();
    boot.reboot().unwrap();

    let boot = up(&machine);
    assert_eq!(
        boot.run(["systemctl", "is-failed", "ssh"])
            .unwrap()
            .status
            .code(),
        Some(4)
    );
    boot.shell(
        "! dpkg --status openssh-server && snapper --no-dbus --ambit transactional rollback 1",
    )
    .unwrap();
    boot.reboot().unwrap();

    let boot = up(&machine);
    boot.shell("dpkg --status openssh-server && systemctl is-active ssh && snapper delete 2 && ! test -e /.snapshots/2").unwrap();
}

#[test]
fn edited_while_off() {
    let machine = bare("edit");
    let number = machine
        .update(|root| write_file(root, "/usr/lib/two", "2"))
        .unwrap();
    assert_eq!((number, machine.default_snapshot().unwrap()), (2, 2));
    machine
        .edit(|root| write_file(root, "/var/lib/both", "shared"))
        .unwrap();

    let boot = up(&machine);
    assert_eq!(boot.snapshot(), Some(2));
    boot.shell("test -e /usr/lib/two; test -e /var/lib/both; test -s /etc/hostname")
        .unwrap();
    assert!(
        machine.edit(|_| Ok(())).is_err(),
        "a machine that is on must not be edited"
    );
    boot.poweroff().unwrap();

    // Booted by hand: the default stays.
    let mut boot = machine.boot_from(1).unwrap();
    boot.wait_finished().unwrap();
    assert_eq!(boot.snapshot(), Some(1));
    boot.shell("! test -e /usr/lib/two && test -e /var/lib/both")
        .unwrap();
    boot.poweroff().unwrap();
    assert_eq!(machine.default_snapshot().unwrap(), 2);

    assert!(
        machine.delete_snapshot(2).is_err(),
        "the default must not be deleted"
    );
    machine.set_default(1).unwrap();
    machine.delete_snapshot(2).unwrap();
    assert_eq!(machine.snapshots().unwrap(), [1]);
}

#[test]
fn a_power_cut_loses_what_was_not_synced() {
    let machine = bare("cut");
    machine.update(|_| Ok(())).unwrap();
    let boot = up(&machine);
    boot.shell("echo kept > /var/kept; sync -f /var; echo lost > /var/lost; btrfs subvolume set-default /.snapshots/1/snapshot").unwrap();
    boot.power_cut().unwrap();
    assert_eq!(machine.read("/var/kept").unwrap(), "kept\n");
    assert!(machine.read("/var/lost").is_err());
    assert_eq!(
        machine.default_snapshot().unwrap(),
        2,
        "a new default needs a sync to survive"
    );

    let boot = up(&machine);
    boot.shell("echo kept > /var/killed").unwrap();
    boot.kill().unwrap();
    assert_eq!(machine.read("/var/killed").unwrap(), "kept\n");
}

#[test]
fn machines_without_snapshots_boot() {
    for layout in [Layout::Btrfs, Layout::Ext4] {
        let machine = Machine::builder()
            .bare()
            .layout(layout)
            .build("plain")
            .unwrap();
        let mut boot = machine.boot_with(&["health-checker=0"]).unwrap();
        boot.wait_finished().unwrap();
        assert_eq!(boot.snapshot(), None);
        boot.shell("grep -q health-checker=0 /proc/1/cmdline; touch /usr/file && ! command -v transactional-update").unwrap();
        boot.poweroff().unwrap();
    }
}

#[test]
fn a_story_is_followed_over_reboots() {
    let machine = bare("story");
    machine
        .edit(|root| {
            let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'test -e /var/twice || { touch /var/twice; systemctl reboot; }'\n";
            write_file(root, "/etc/systemd/system/health-checker.service", unit)?;
            let wants = root.join("etc/systemd/system/multi-user.target.wants/health-checker.service");
            Ok(std::os::unix::fs::symlink("../health-checker.service", wants)?)
        })
        .unwrap();
    let (boots, last) = machine.run_to_end(3).unwrap();
    assert_eq!(
        boots
            .iter()
            .map(|boot| (boot.snapshot, boot.ended))
            .collect::<Vec<_>>(),
        [(Some(1), Ended::Rebooted), (Some(1), Ended::StayedUp)]
    );
    last.poweroff().unwrap();
}

#[test]
fn nothing_is_left_on_the_host() {
    let machine = bare("gone");
    let name = machine.name().to_owned();
    let boot = up(&machine);
    let init = boot.pid();
    drop(machine);
    drop(boot);
    assert!(!fs::exists(format!("/proc/{init}")).unwrap());
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(&name), "{mounts}");
    let loops = std::process::Command::new("losetup")
        .arg("--list")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&loops.stdout).contains("-gone-"));
}
