//! GRUB's environment block in a machine, with GRUB's own tool: what a judged boot leaves in it, where `/boot` is read-only.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use machine::{Ended, Machine, VENDOR_PLUGINS, write_plugin};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);
const TOOL: &str = "/usr/bin/grub-editenv";
/// What `/boot` is in most of these machines: bound from here, read-only.
const BOOT: &str = "var/boot";

/// Puts the host's tool into a machine, with the libraries that the machine lacks.
fn install_tool(root: &Path) -> Result<()> {
    let needed = Command::new("ldd").arg(TOOL).output().context("ldd")?;
    let needed = String::from_utf8_lossy(&needed.stdout).into_owned();
    let libraries = needed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for file in libraries.chain([TOOL]) {
        let merged = Path::new("usr").join(file.trim_start_matches("/usr").trim_start_matches('/'));
        if !root.join(&merged).exists() {
            fs::copy(file, root.join(&merged)).with_context(|| format!("cannot copy '{file}'"))?;
        }
    }
    Ok(())
}

fn editenv(block: &Path, arguments: &[&str]) -> Result<String> {
    let ended = Command::new(TOOL)
        .arg(block)
        .args(arguments)
        .output()
        .context(TOOL)?;
    assert!(ended.status.success(), "{ended:?}");
    Ok(String::from_utf8(ended.stdout)?)
}

/// A machine whose GRUB has set its flag.
fn machine(name: &str) -> Machine {
    let machine = machine_with_block(name, BOOT);
    let bound = machine.edit(|root| {
        let fstab = root.join("etc/fstab");
        let line = format!("/{BOOT} /boot none bind,ro,noexec 0 0\n");
        Ok(fs::write(&fstab, fs::read_to_string(&fstab)? + &line)?)
    });
    bound.unwrap();
    machine
}

fn machine_with_block(name: &str, boot: &str) -> Machine {
    let machine = Machine::new(name).unwrap();
    let edited = machine.edit(|root| {
        write_plugin(
            root,
            VENDOR_PLUGINS,
            "disk",
            "#!/bin/sh\ntest ! -e /var/broken\n",
        )?;
        install_tool(root)?;
        let block = block(root, boot);
        fs::create_dir_all(block.parent().context("no directory")?)?;
        editenv(&block, &["create"])?;
        editenv(
            &block,
            &["set", "health_checker_left=0", "saved_entry=other"],
        )
    });
    edited.unwrap();
    machine
}

fn block(root: &Path, boot: &str) -> PathBuf {
    root.join(boot).join("grub/grubenv")
}

fn variables(machine: &Machine, boot: &str) -> Vec<String> {
    let list = machine
        .edit(|root| editenv(&block(root, boot), &["list"]))
        .unwrap();
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_healthy_boot_is_not_pending_any_more_and_is_where_grub_falls_back_to() {
    let machine = machine("grub");
    let mut boot = machine.boot_with(&["health-checker.boot=trial"]).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.0["warnings"], json!([]));
    let loader = json!({
        "kind": "grub", "entry": null, "default": null, "one_shot": null, "tries_left": null, "fallback": 1, "fell_back": false, "entries": [],
    });
    assert_eq!(status.0["boot_loader"], loader);
    let options = boot.shell("findmnt -n -o VFS-OPTIONS /boot").unwrap();
    assert!(options.starts_with("ro,noexec"), "{options}");
    // It is this mount alone that was writable for a moment.
    boot.shell("! touch /boot/x && touch /var/x").unwrap();

    let shown = boot.shell("health-checker bootloader").unwrap();
    assert_eq!(shown, "Boot loader: grub, falls back to snapshot 1\n");
    let shown = boot.shell("health-checker status").unwrap();
    assert!(
        shown.contains("\n   Loader: grub, falls back to snapshot 1\n"),
        "{shown}"
    );

    boot.shell("health-checker bootloader set a=1 health_checker_left=0")
        .unwrap();
    boot.shell("health-checker bootloader unset a").unwrap();
    let json = boot.shell("health-checker bootloader --json").unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["boot_loader"]["tries_left"], 0);
    boot.shell("! health-checker bootloader set 'a b=1'")
        .unwrap();
    boot.poweroff().unwrap();
    let expected = [
        "health_checker_good=1",
        "health_checker_good_subvol=@/.snapshots/1/snapshot",
        "health_checker_left=0",
        "health_checker_tries=1",
        "saved_entry=other",
    ];
    assert_eq!(variables(&machine, BOOT), expected);
}

#[test]
fn an_unhealthy_boot_is_judged_as_well_but_nothing_to_fall_back_to() {
    let machine = machine("grub-bad");
    machine
        .edit(|root| Ok(fs::write(root.join("var/broken"), "")?))
        .unwrap();
    let mut boot = machine.boot_with(&["health-checker.boot=trial"]).unwrap();
    assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));
    boot.poweroff().unwrap();
    assert_eq!(
        variables(&machine, BOOT),
        ["health_checker_tries=1", "saved_entry=other"]
    );
}

#[test]
fn a_snapshot_that_is_read_only_with_its_boot_directory_is_written_to() {
    let machine = machine_with_block("grub-snapshot", "boot");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!(status.0["warnings"], json!([]));
    let shown = boot.shell("health-checker bootloader").unwrap();
    assert_eq!(shown, "Boot loader: grub, falls back to snapshot 1\n");
    // By its mount as well, and only for a moment.
    boot.shell("mount -o remount,bind,ro / && health-checker bootloader set a=1")
        .unwrap();
    let options = boot.shell("findmnt -n -o VFS-OPTIONS /").unwrap();
    assert!(options.starts_with("ro"), "{options}");
    boot.shell("mount -o remount,bind,rw / && ! touch /boot/x")
        .unwrap();
    let property = boot.shell("btrfs property get -ts / ro").unwrap();
    assert_eq!(property, "ro=true\n");
    boot.poweroff().unwrap();
    let variables = variables(&machine, "boot");
    for variable in ["a=1", "health_checker_good=1"] {
        assert!(variables.contains(&variable.to_owned()), "{variables:?}");
    }
}

#[test]
fn a_boot_partition_that_is_read_only_as_a_whole_is_written_to() {
    let machine = machine("grub-partition");
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    boot.shell(
        "umount /boot; mount -t tmpfs -o nosuid,nodev tmpfs /boot; mkdir /boot/grub; grub-editenv /boot/grub/grubenv create
        mount -o remount,ro,nosuid,nodev tmpfs /boot; ! touch /boot/x || exit 1
        health-checker bootloader set a=1",
    )
    .unwrap();
    let list = boot.shell("grub-editenv /boot/grub/grubenv list").unwrap();
    assert_eq!(list, "a=1\n");
    let options = boot.shell("findmnt -n -o OPTIONS /boot").unwrap();
    assert!(options.starts_with("ro,nosuid,nodev"), "{options}");
    boot.poweroff().unwrap();
}
