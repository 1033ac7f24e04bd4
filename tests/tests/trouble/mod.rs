//! Owns what the tests of broken machines share: a machine with a known good snapshot, and a broken update of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of several test programs"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::{
    Boot, Ended, Machine, Release, VENDOR_PLUGINS, course, lines, write_file, write_plugin,
    write_unit,
};

/// For a boot to its verdict; a starved machine is slow.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Fails in a snapshot with this file.
pub const BROKEN: &str = "/usr/broken";
/// Fails in every snapshot while this file is there.
pub const FAILING: &str = "/etc/failing";

/// `/var` is mounted when the boot has been in emergency mode for a while.
pub fn late_var(root: &Path) -> anyhow::Result<()> {
    let unit = "[Unit]\nDefaultDependencies=no\nBefore=var.mount\n[Service]\nType=oneshot\n\
        ExecStart=/bin/sh -c 'until systemctl is-active --quiet emergency.target; do sleep 1; done; sleep 5'\n\
        [Install]\nWantedBy=var.mount\n";
    write_unit(root, "late.service", unit)
}

/// The check of these machines. It also arms the fail point that a test left for this boot (see `killed.rs`).
const CHECK: &str = "#!/bin/sh\n\
    if test -e /var/lib/fail-point; then mv /var/lib/fail-point /run/health-checker-fail-point; fi\n\
    test ! -e /usr/broken && test ! -e /etc/failing\n";

/// A machine whose snapshot 1 is known good, with one check that fails where something is broken.
pub fn known_good(name: &str) -> Machine {
    known_good_with(name, |_| {})
}

/// The same, with something else in snapshot 1.
pub fn known_good_with(name: &str, edit: impl FnOnce(&Path)) -> Machine {
    made_good(Machine::new(name).unwrap(), edit)
}

/// The same with the systemd of another release.
pub fn known_good_of(release: Release, name: &str) -> Machine {
    let machine = Machine::builder().release(release).build(name).unwrap();
    made_good(machine, |_| {})
}

fn made_good(machine: Machine, edit: impl FnOnce(&Path)) -> Machine {
    machine
        .edit(|root| {
            edit(root);
            write_plugin(root, VENDOR_PLUGINS, "whole", CHECK)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_eq!(
        (status.verdict(), status.known_good()),
        (("healthy", "none"), vec![1])
    );
    boot.poweroff().unwrap();
    machine
}

/// An update that fails its check, and breaks something else as well.
pub fn broken_update(machine: &Machine, edit: impl FnOnce(&Path)) -> u64 {
    machine
        .update(|root| {
            edit(root);
            write_file(root, BROKEN, "")
        })
        .unwrap()
}

/// Lets the machine go on by itself: it must be rolled back to snapshot 1 in one reboot, and stay healthy there.
pub fn rolled_back(machine: &Machine) -> Boot {
    let bad = machine.default_snapshot().unwrap();
    let (boots, last) = machine.run_to_end(4).unwrap();
    assert_eq!(
        course(&boots),
        [(bad, Ended::Rebooted), (1, Ended::StayedUp)]
    );
    assert_good(&last, bad);
    last
}

/// It is in snapshot 1, which is healthy, known good and the default; no other snapshot appeared.
pub fn assert_good(boot: &Boot, newest: u64) {
    let status = boot.status().unwrap();
    assert!(["healthy", "degraded"].contains(&status.verdict().0));
    assert_eq!((status.verdict().1, status.known_good()), ("none", vec![1]));
    assert_eq!(boot.snapshot(), Some(1));
    assert_eq!(status.0["snapshot"]["default"], true);
    let copy = format!("test ! -e /.snapshots/{}", newest + 1);
    boot.shell(&copy).unwrap();
}

/// It booted once, stayed up, and did nothing about a failing check.
pub fn only_reported(machine: &Machine) -> Boot {
    let (boots, last) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(1, Ended::StayedUp)]);
    assert_eq!(last.status().unwrap().verdict(), ("unhealthy", "none"));
    last
}

/// All warnings of 'status', as one text.
pub fn warnings(boot: &Boot) -> String {
    lines(&boot.status().unwrap().0["warnings"])
}

/// What the tools of the last rollback said.
pub fn rollback_said(boot: &Boot) -> Vec<String> {
    let said = lines(&boot.status().unwrap().step("rollback")["details"]);
    said.lines().map(str::to_owned).collect()
}

/// A runner that can be killed at named steps and waits less long for what hangs: `cargo build -p health-checker --features fail-points --profile fail-points`.
pub fn install_fail_points(root: &Path) {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fail-points/health-checker");
    assert!(
        built.exists(),
        "'{}' is not built: cargo build -p health-checker --features fail-points --profile fail-points",
        built.display()
    );
    let program = fs::read(built).unwrap();
    write_plugin(root, "/usr/sbin", "health-checker", program).unwrap();
}

/// Replaces a file, or a link, whatever it was.
pub fn replace(root: &Path, path: &str, script: &str) {
    remove(root, path);
    let (directory, name) = path.rsplit_once('/').unwrap();
    write_plugin(root, directory, name, script).unwrap();
}

/// Removes a file below a root.
pub fn remove(root: &Path, path: &str) {
    fs::remove_file(root.join(path.trim_start_matches('/'))).unwrap();
}

/// Masks a unit below a root.
pub fn mask(root: &Path, unit: &str) {
    let link = root.join("etc/systemd/system").join(unit);
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink("/dev/null", link).unwrap();
}

/// Changes the options of one mount in fstab.
pub fn mount_options(root: &Path, place: &str, options: &str) {
    let path = root.join("etc/fstab");
    let table = fs::read_to_string(&path).unwrap();
    let line = table
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(place))
        .unwrap();
    let new = format!("/rootdev {place} btrfs subvol=@{place},{options} 0 0");
    fs::write(&path, table.replace(line, &new)).unwrap();
}
