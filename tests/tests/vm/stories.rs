//! Owns what the tests of virtual machines share: a machine with a known good snapshot, updates that break it in all ways,
//! and stories about them, several on one machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use machine::vm::Ended::{self, Killed, PoweredOff, Reset, Watchdog};
use machine::vm::{Loader, Run, Vm, VmBoot, course};
use machine::{Status, VENDOR_PLUGINS, write_file, write_plugin, write_unit};

/// For one boot; an emulated machine on a busy host is slow.
pub const LIMIT: Duration = Duration::from_secs(300);
/// What an update changes.
pub type Edit = fn(&Path) -> Result<()>;
const CONFIGURATION: &str = "/etc/health-checker/health-checker.conf.d/test.conf";

/// A machine whose snapshot 1 is known good.
pub fn known_good(name: &str, loader: Loader) -> Vm {
    Vm::known_good(name, loader).unwrap()
}

/// The same, with health-checker built so that it can be stopped at named steps (`cut_at_step`).
pub fn with_fail_points(name: &str, loader: Loader) -> Vm {
    let vm = known_good(name, loader);
    vm.edit(|root| {
        crate::trouble::install_fail_points(root);
        Ok(())
    })
    .unwrap();
    vm
}

/// Lets the machine go on by itself: the snapshots and ends of its boots must be exactly these.
pub fn goes_on(vm: &Vm, expected: &[(u64, Ended)]) -> Vec<VmBoot> {
    let boots = vm.run_until_off(expected.len() + 2).unwrap();
    let tails: Vec<String> = boots.iter().map(VmBoot::tail).collect();
    assert_eq!(course(&boots), expected, "{}", tails.join("\n-----\n"));
    boots
}

/// An update of snapshot 1 that is undone: its boots end like this, then the machine is back in snapshot 1, healthy, and
/// can tell what happened. Gives the boots and the incident's message.
pub fn undone(
    vm: &Vm,
    what: &str,
    ends: &[Ended],
    edit: impl FnOnce(&Path) -> Result<()>,
) -> (Vec<VmBoot>, String) {
    println!("{what}");
    let bad = vm.update(edit).unwrap();
    is_undone(vm, bad, ends)
}

/// The same for an update that is there already.
pub fn is_undone(vm: &Vm, bad: u64, ends: &[Ended]) -> (Vec<VmBoot>, String) {
    let result = is_undone_and_kept(vm, bad, ends);
    forget(vm, bad);
    result
}

/// The same, and the bad snapshot stays.
fn is_undone_and_kept(vm: &Vm, bad: u64, ends: &[Ended]) -> (Vec<VmBoot>, String) {
    let mut expected: Vec<(u64, Ended)> = ends.iter().map(|&ended| (bad, ended)).collect();
    expected.push((1, PoweredOff));
    let boots = goes_on(vm, &expected);
    let status = vm.status().unwrap();
    assert_back(&status, bad);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    let failed = status.incident()["failed"].as_array().unwrap();
    let messages: Vec<&str> = failed
        .iter()
        .filter_map(|check| check["message"].as_str())
        .collect();
    (boots, messages.join("\n"))
}

/// Healthy in snapshot 1, with an incident that ended and a snapshot that is known to be bad.
fn assert_back(status: &Status, bad: u64) {
    assert_eq!(status.verdict().1, "none", "{status:#?}");
    assert!(["healthy", "degraded"].contains(&status.verdict().0));
    assert_eq!(status.known_good(), [1]);
    assert!(status.bad().contains(&bad), "{status:#?}");
    assert!(status.incident()["ended"].is_object(), "{status:#?}");
    assert_eq!(status.0["snapshot"]["default"], true);
}

/// Makes room for the next story.
pub fn forget(vm: &Vm, bad: u64) {
    vm.delete_snapshot(bad).unwrap();
    let of_bad = |name: &&String| {
        name.strip_prefix(&format!("snap-{bad}"))
            .is_some_and(|rest| rest.starts_with(['+', '.']))
    };
    for entry in vm.esp_entries().unwrap().iter().filter(of_bad) {
        vm.esp_remove(&format!("loader/entries/{entry}")).unwrap();
    }
    // The rollback has told the boot loader to boot snapshot 1; the next update does not tell it anything else.
    vm.forget_efi_variables().unwrap();
}

/// Boots that die, and get to a decision by themselves, whatever the boot loader: one boot, and back. `after` looks at the
/// boots of each story.
pub fn decided_without_a_verdict(vm: &Vm, program: Edit, after: impl Fn(&[VmBoot])) {
    println!("hangs in a start job");
    let first = vm.update(hanging).unwrap();
    let (boots, why) = is_undone_and_kept(vm, first, &[Reset]);
    assert!(
        why.contains("no verdict in time") && why.contains("hangs.service"),
        "{why}"
    );
    after(&boots);
    // The next update is bad as well.
    vm.forget_efi_variables().unwrap();
    println!("emergency mode");
    let second = vm.update(broken_fstab).unwrap();
    let (boots, why) = is_undone(vm, second, &[Reset]);
    assert!(why.contains("emergency mode"), "{why}");
    assert!(
        !boots[0].said("cannot be written down"),
        "{}",
        boots[0].tail()
    );
    let bad = vm.status().unwrap().bad();
    assert!(bad.starts_with(&[second, first]), "{bad:?}");
    after(&boots);
    forget(vm, first);
    for (what, edit, expected) in [
        ("no D-Bus", no_dbus as Edit, ""),
        ("the program is broken", program, "could not be executed"),
        (
            "the runner is killed",
            killed_runner,
            "ended without finishing its work",
        ),
    ] {
        let (boots, why) = undone(vm, what, &[Reset], edit);
        assert!(!why.is_empty() && why.contains(expected), "{what}: {why}");
        after(&boots);
    }
}

/// A known good snapshot that fails from now on, and a first installation that fails: no loop, and somebody can log in.
pub fn always_failing(name: &str, loader: Loader) -> [Vm; 2] {
    let vm = known_good(name, loader);
    vm.edit(|root| write_file(root, "/etc/failing", ""))
        .unwrap();
    goes_on(&vm, &[(1, Reset), (1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "stop"));
    // A first installation that fails has nothing to go back to.
    let first = Vm::new(&format!("{name}-first"), loader).unwrap();
    first
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "fails", "#!/bin/sh\nexit 1\n"))
        .unwrap();
    goes_on(&first, &[(1, PoweredOff)]);
    assert_eq!(first.status().unwrap().verdict(), ("unhealthy", "stop"));
    [vm, first]
}

/// By hand into snapshot 1, which is not the default and fails now: nothing is done.
pub fn chosen_by_hand(vm: &Vm, default: u64) {
    vm.edit_snapshot(1, |root| write_file(root, "/etc/failing", ""))
        .unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["rootflags=subvol=@/.snapshots/1/snapshot"];
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(&[boot]), [(1, PoweredOff)]);
    assert_eq!(vm.status().unwrap().verdict(), ("unhealthy", "none"));
    assert_eq!(vm.default_snapshot().unwrap(), default);
}

/// An update that stands still after it is counted; one boot of it ends with its hardware watchdog. Gives its number.
pub fn reset_by_its_watchdog(vm: &Vm) -> u64 {
    // PID 1 catches the signal and stands still: nobody feeds the watchdog any more.
    let freeze = "[Unit]\nDefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n\
        After=health-checker-arm.service\n[Service]\nExecStart=/bin/kill -SEGV 1\n[Install]\nWantedBy=sysinit.target\n";
    let bad = vm
        .update(|root| {
            let watchdog = "[Manager]\nRuntimeWatchdogSec=20\n";
            write_file(root, "/etc/systemd/system.conf.d/watchdog.conf", watchdog)?;
            write_unit(root, "freeze.service", freeze)
        })
        .unwrap();
    let mut run = Run::within(LIMIT);
    run.watchdog = true;
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(&[boot]), [(bad, Watchdog)]);
    bad
}

/// Cuts the power where the program stands still at a named step (`fail_point.rs`).
pub fn cut_at_step(vm: &Vm, step: &str) -> VmBoot {
    let unit = format!(
        "[Service]\nType=simple\nExecStart=/bin/sh -c 'echo \"{step} hold\" > /run/health-checker-fail-point; \
         until [ -e /run/health-checker-fail-point.reached ]; do sleep 0.2; done; echo test: stands still > /dev/console'\n"
    );
    let mut run = Run::within(LIMIT);
    run.units = vec![("fail-point.service", &unit)];
    run.kill_at = Some("test: stands still");
    let boot = vm.run(&run).unwrap();
    assert_eq!(boot.ended, Killed, "at '{step}'\n{}", boot.tail());
    boot
}

/// Cuts the power at each step of a rollback. `intended`: how boots of the bad snapshot end that go on after the first one.
pub fn cut_on_the_way_back(vm: &Vm, intended: &[Ended]) {
    for (step, ends) in [
        // The intent is on disk, the default is the old one.
        ("intended", intended),
        // The default is on disk: the power cut was the reboot.
        ("rolled-back", &[]),
        ("rebooting", &[]),
    ] {
        println!("power cut at '{step}'");
        let bad = vm.update(broken).unwrap();
        cut_at_step(vm, step);
        is_undone(vm, bad, ends);
    }
}

/// Cuts the power as soon as the boot is counted, long before its verdict.
pub fn cut_when_counted(vm: &Vm) -> VmBoot {
    let unit = "[Unit]\nDefaultDependencies=no\nAfter=health-checker-arm.service\n[Service]\nType=oneshot\n\
        ExecStart=/bin/sh -c 'echo test: counted > /dev/console; exec sleep 60'\n";
    let mut run = Run::within(LIMIT);
    run.units = vec![("counted.service", unit)];
    run.kill_at = Some("test: counted");
    let boot = vm.run(&run).unwrap();
    assert_eq!(boot.ended, Killed, "{}", boot.tail());
    boot
}

/// Fails its check.
pub fn broken(root: &Path) -> Result<()> {
    write_file(root, "/usr/broken", "")
}

/// No init, as after an update that was cut off.
pub fn no_init(root: &Path) -> Result<()> {
    fs::remove_file(root.join("usr/lib/systemd/systemd"))?;
    let _ = fs::remove_file(root.join("usr/sbin/init"));
    Ok(())
}

/// A userspace that cannot run anything.
pub fn no_libc(root: &Path) -> Result<()> {
    for name in ["libc.so.6", "ld-linux-x86-64.so.2"] {
        fs::remove_file(root.join("usr/lib/x86_64-linux-gnu").join(name))?;
    }
    Ok(())
}

/// An initrd that the kernel cannot read: it panics, having no root file system.
pub fn no_initrd(root: &Path) -> Result<()> {
    let initrd = fs::read_link(root.join("boot/initrd.img"))?;
    fs::write(root.join("boot").join(initrd), "damaged\n")?;
    Ok(())
}

/// A root file system that is not there; the initrd gives up after a moment.
pub fn no_root(root: &Path) -> Result<()> {
    let path = root.join("etc/kernel/cmdline");
    let line = fs::read_to_string(&path)?;
    let line = line.replace("root=/dev/vda3", "root=/dev/vda9 rootdelay=2");
    assert!(line.contains("vda9"), "{line}");
    fs::write(path, line)?;
    Ok(())
}

/// Hangs before anything of multi-user.target is started; the deadline is near.
fn hanging(root: &Path) -> Result<()> {
    write_file(root, CONFIGURATION, "[Boot]\nDeadlineSec=60s\n")?;
    let unit = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n\
        ExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n[Install]\nWantedBy=sysinit.target\n";
    write_unit(root, "hangs.service", unit)
}

/// A local file system that must be mounted and cannot be; and `/var` comes late, when emergency mode is there already.
fn broken_fstab(root: &Path) -> Result<()> {
    crate::trouble::late_var(root)?;
    let path = root.join("etc/fstab");
    let fstab = fs::read_to_string(&path)?;
    let line = "/dev/nowhere /srv/data ext4 x-systemd.device-timeout=1s 0 0\n";
    fs::write(path, format!("{fstab}{line}"))?;
    Ok(())
}

/// Nobody answers on the bus.
fn no_dbus(root: &Path) -> Result<()> {
    fs::remove_file(root.join("usr/bin/dbus-daemon"))?;
    Ok(())
}

/// health-checker itself is gone.
pub fn no_program(root: &Path) -> Result<()> {
    fs::remove_file(root.join("usr/sbin/health-checker"))?;
    Ok(())
}

/// Somebody kills the runner.
fn killed_runner(root: &Path) -> Result<()> {
    let kills = "#!/bin/sh\nsystemctl kill --signal=SIGKILL health-checker.service\n";
    write_plugin(root, VENDOR_PLUGINS, "kills", kills)
}

/// health-checker itself cannot be executed.
pub fn broken_program(root: &Path) -> Result<()> {
    write_plugin(root, "/usr/sbin", "health-checker", "damaged\n")?;
    Ok(())
}

/// So many boots are granted to a new snapshot.
pub fn tries(root: &Path, number: u32) -> Result<()> {
    write_file(
        root,
        CONFIGURATION,
        format!("[Escalation]\nTries={number}\n"),
    )
}
