//! Updates on trial: where the update tool sets LoaderEntryDefault, a new entry is booted once, and the boot loader goes
//! on with the good one by itself, whatever becomes of that boot.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use machine::vm::Ended::{Panic, PoweredOff, Reset};
use machine::vm::{Loader, Run, Vm, VmBoot, course};
use machine::{VENDOR_PLUGINS, write_plugin};

const LIMIT: Duration = Duration::from_secs(400);
const PASS: &str = "#!/bin/sh\nexit 0\n";

/// The default entry is set as update tools do it, after the verdict.
fn set_default(entry: &str, then: &str) -> String {
    format!(
        "[Unit]\nAfter=health-checker.service\n[Service]\nType=oneshot\n\
         ExecStart=bootctl set-default {entry}\n{then}"
    )
}

/// One boot in which an administrator, or a tool, does that when all is done. The name makes the machine wait for it.
fn boot_and_set(vm: &Vm, entry: &str, then: &str) -> VmBoot {
    let unit = set_default(entry, then);
    let mut run = Run::within(LIMIT);
    run.units = vec![("health-check-test-update.service", &unit)];
    let boot = vm.run(&run).unwrap();
    println!("{:?} {:?} {:?}", boot.snapshot, boot.ended, boot.entries);
    boot
}

/// Snapshot 1 is known good, and there is an update to snapshot 2, which is set as the default at the end: all that
/// is missing is an orderly reboot.
fn updated(name: &str, edit: impl FnOnce(&Path) -> Result<()>) -> Vm {
    let vm = Vm::new(name, Loader::SystemdBoot).unwrap();
    vm.edit(|root| write_plugin(root, VENDOR_PLUGINS, "disk", PASS))
        .unwrap();
    let first = boot_and_set(&vm, "snap-1.conf", "");
    assert_eq!(
        (first.snapshot, first.ended),
        (Some(1), PoweredOff),
        "{}",
        first.tail()
    );
    assert_eq!(vm.status().unwrap().known_good(), [1]);
    assert_eq!(vm.update(edit).unwrap(), 2);
    vm
}

/// The orderly reboot into it.
fn reboot(vm: &Vm) -> VmBoot {
    let reboot = "ExecStart=systemctl --no-block start reboot.target\n";
    let boot = boot_and_set(vm, "snap-2.conf", reboot);
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Reset),
        "{}",
        boot.console
    );
    assert!(boot.said("snapshot 2 is on trial"), "{}", boot.console);
    boot
}

/// What `status` says of the boot loader's default, and of a trial.
fn loader(vm: &Vm) -> (String, bool) {
    let status = vm.status().unwrap();
    let default = status.0["boot_loader"]["default"].as_str().unwrap();
    (default.to_owned(), status.0["trial"].is_null())
}

#[test]
fn a_kernel_that_panics_is_started_once() {
    let vm = updated("trial-panic", |_| Ok(()));
    let path = "loader/entries/snap-2+3.conf";
    let entry = String::from_utf8(vm.esp_read(path).unwrap()).unwrap();
    // The kernel panics when its first process ends.
    vm.esp_write(path, entry.replace("options ", "options init=/bin/false "))
        .unwrap();
    let mut boots = vec![reboot(&vm)];
    boots.extend(vm.run_until_off(4).unwrap());
    let expected = [(1, Reset), (2, Panic), (1, PoweredOff)];
    assert_eq!(course(&boots), expected, "{}", boots[1].tail());
    assert_eq!(boots[1].entries, ["snap-1.conf", "snap-2+2-1.conf"]);
    assert_eq!(boots[2].entries, ["snap-1.conf", "snap-2+0-1.conf"]);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    let status = vm.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    assert_eq!((status.known_good(), status.bad()), (vec![1], vec![2]));
    assert_eq!(status.incident_failed(), [(2, "boot")]);
    let why = status.incident_check("boot")["message"].to_string();
    assert!(
        why.contains("the boot loader went back to snapshot 1"),
        "{why}"
    );
    assert_eq!(loader(&vm), ("snap-1.conf".to_owned(), true));
    // Once and for all.
    let again = vm.run_once(LIMIT).unwrap();
    assert_eq!((again.snapshot, again.ended), (Some(1), PoweredOff));
}

#[test]
fn an_unhealthy_update_is_rolled_back_as_usual() {
    let vm = updated("trial-bad", |root| {
        write_plugin(root, VENDOR_PLUGINS, "web", "#!/bin/sh\nexit 1\n")
    });
    let mut boots = vec![reboot(&vm)];
    boots.extend(vm.run_until_off(4).unwrap());
    assert_eq!(course(&boots), [(1, Reset), (2, Reset), (1, PoweredOff)]);
    assert_eq!(boots[2].entries, ["snap-1.conf", "snap-2+0-1.conf"]);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    assert_eq!(vm.status().unwrap().incident_failed(), [(2, "web")]);
    assert_eq!(loader(&vm), ("snap-1.conf".to_owned(), true));
}

#[test]
fn a_good_update_is_the_default_after_its_first_boot() {
    let vm = updated("trial-good", |_| Ok(()));
    let mut boots = vec![reboot(&vm)];
    boots.extend(vm.run_until_off(4).unwrap());
    assert_eq!(course(&boots), [(1, Reset), (2, PoweredOff)]);
    assert_eq!(boots[1].entries, ["snap-1.conf", "snap-2.conf"], "blessed");
    assert_eq!(vm.status().unwrap().known_good(), [2, 1]);
    assert_eq!(loader(&vm), ("snap-2.conf".to_owned(), true));
    let again = vm.run_once(LIMIT).unwrap();
    assert_eq!((again.snapshot, again.ended), (Some(2), PoweredOff));
}
