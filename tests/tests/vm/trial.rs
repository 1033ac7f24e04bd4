//! Updates on trial: where the update tool sets LoaderEntryDefault, a new entry is booted once, and the boot loader goes
//! on with the good one by itself, whatever becomes of that boot.

use std::fs;
use std::path::Path;
use std::time::Duration;

use machine::vm::Ended::{self, Panic, PoweredOff, Reset};
use machine::vm::{Loader, Run, Vm, VmBoot, course};
use machine::{VENDOR_PLUGINS, write_file, write_plugin};

const LIMIT: Duration = Duration::from_secs(400);

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

/// An orderly reboot of snapshot 1 into an update, which the update tool has made the default.
fn reboot(vm: &Vm, update: u64) -> VmBoot {
    let reboot = "ExecStart=systemctl --no-block start reboot.target\n";
    let boot = boot_and_set(vm, &format!("snap-{update}.conf"), reboot);
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Reset),
        "{}",
        boot.console
    );
    let expected = format!("snapshot {update} is on trial");
    assert!(boot.said(&expected), "{}", boot.console);
    boot
}

/// That reboot, and all that follows.
fn story(vm: &Vm, update: u64, expected: &[(u64, Ended)]) -> Vec<VmBoot> {
    let mut boots = vec![reboot(vm, update)];
    boots.extend(vm.run_until_off(4).unwrap());
    let tails: Vec<String> = boots.iter().map(VmBoot::tail).collect();
    assert_eq!(course(&boots), expected, "{}", tails.join("\n-----\n"));
    boots
}

/// What `status` says of the boot loader's default, and of a trial.
fn loader(vm: &Vm) -> (String, bool) {
    let status = vm.status().unwrap();
    let default = status.0["boot_loader"]["default"].as_str().unwrap();
    (default.to_owned(), status.0["trial"].is_null())
}

/// An update to this snapshot whose kernel panics: it is started once. All entries after that boot, and after the next one.
fn panics_once(vm: &Vm, update: u64, entry: &str, entries: [&[&str]; 2]) {
    assert_eq!(vm.update(|_| Ok(())).unwrap(), update);
    let path = format!("loader/entries/{entry}");
    let entry = String::from_utf8(vm.esp_read(&path).unwrap()).unwrap();
    // The kernel panics when its first process ends.
    let panics = entry.replace("options ", "options init=/bin/false ");
    vm.esp_write(&path, panics).unwrap();
    let boots = story(vm, update, &[(1, Reset), (update, Panic), (1, PoweredOff)]);
    assert_eq!([&boots[1].entries, &boots[2].entries], entries);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    let status = vm.status().unwrap();
    assert_eq!(status.verdict(), ("healthy", "none"));
    let bad: Vec<u64> = (2..=update).rev().collect();
    assert_eq!((status.known_good(), status.bad()), (vec![1], bad));
    assert_eq!(status.incident_failed(), [(update, "boot")]);
    let why = status.incident_check("boot")["message"].to_string();
    assert!(
        why.contains("the boot loader went back to snapshot 1"),
        "{why}"
    );
    assert_eq!(loader(vm), ("snap-1.conf".to_owned(), true));
}

#[test]
fn a_panic_a_failure_and_a_good_update_one_after_the_other() {
    let vm = Vm::known_good("trial", Loader::SystemdBoot).unwrap();
    let first = boot_and_set(&vm, "snap-1.conf", "");
    assert_eq!((first.snapshot, first.ended), (Some(1), PoweredOff));

    println!("a kernel that panics is started once");
    let died = ["snap-1.conf", "snap-2+2-1.conf"];
    let back = ["snap-1.conf", "snap-2+0-1.conf"];
    panics_once(&vm, 2, "snap-2+3.conf", [&died, &back]);
    // Where nothing is counted it is the trial alone that ends it.
    println!("the same without a counter");
    let tries = vm.read("/etc/kernel/tries").unwrap();
    vm.edit(|root| Ok(fs::remove_file(root.join("etc/kernel/tries"))?))
        .unwrap();
    let died = ["snap-1.conf", "snap-2+0-1.conf", "snap-3.conf"];
    let back = ["snap-1.conf", "snap-2+0-1.conf", "snap-3+0-1.conf"];
    panics_once(&vm, 3, "snap-3.conf", [&died, &back]);
    vm.edit(|root| write_file(root, "/etc/kernel/tries", tries))
        .unwrap();

    println!("an unhealthy update is rolled back as usual");
    let broken = |root: &Path| write_plugin(root, VENDOR_PLUGINS, "web", "#!/bin/sh\nexit 1\n");
    assert_eq!(vm.update(broken).unwrap(), 4);
    let boots = story(&vm, 4, &[(1, Reset), (4, Reset), (1, PoweredOff)]);
    let entries = [&back[..], &["snap-4+0-1.conf"]].concat();
    assert_eq!(boots[2].entries, entries);
    assert_eq!(vm.default_snapshot().unwrap(), 1);
    assert_eq!(vm.status().unwrap().incident_failed(), [(4, "web")]);
    assert_eq!(loader(&vm), ("snap-1.conf".to_owned(), true));

    println!("a good one is the default after its first boot");
    assert_eq!(vm.update(|_| Ok(())).unwrap(), 5);
    let boots = story(&vm, 5, &[(1, Reset), (5, PoweredOff)]);
    assert!(boots[1].entries.contains(&"snap-5.conf".to_owned()));
    assert_eq!(vm.status().unwrap().known_good(), [5, 1]);
    assert_eq!(loader(&vm), ("snap-5.conf".to_owned(), true));
    let again = vm.run_once(LIMIT).unwrap();
    assert_eq!((again.snapshot, again.ended), (Some(5), PoweredOff));
}
