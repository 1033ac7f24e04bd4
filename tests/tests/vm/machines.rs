//! Proves the virtual machines themselves: a power cut, a panic and a watchdog's reset are what they seem.

use machine::vm::Ended::{Killed, Panic, Watchdog};
use machine::vm::{Loader, Run, Vm};

use crate::stories::LIMIT;

#[test]
fn a_boot_that_dies_has_used_one_try_of_its_entry() {
    let vm = Vm::new("tries", Loader::SystemdBoot).unwrap();
    let marker = "test-machine: snapshot 1 is booted";
    let boot = vm.kill_at(marker, LIMIT).unwrap();
    assert_eq!((boot.snapshot, boot.ended), (Some(1), Killed));
    assert_eq!(boot.entries, ["snap-1+2-1.conf"]);
}

#[test]
fn a_panic_and_a_watchdog_reset_are_told_apart() {
    let vm = Vm::bare("ends", Loader::Direct).unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["rdinit=/bin/false"];
    let boot = vm.run(&run).unwrap();
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Panic),
        "{}",
        boot.tail()
    );

    // PID 1 catches the signal and stands still: nobody feeds the watchdog any more.
    let mut run = Run::within(LIMIT);
    run.watchdog = true;
    run.arguments = vec!["systemd.watchdog_sec=10"];
    let freeze = "[Service]\nExecStart=/bin/kill -SEGV 1\n";
    run.units = vec![("freeze.service", freeze)];
    let boot = vm.run(&run).unwrap();
    assert_eq!(
        (boot.snapshot, boot.ended),
        (Some(1), Watchdog),
        "{}",
        boot.tail()
    );
}
