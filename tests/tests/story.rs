//! Scenarios 1 to 3: a healthy boot, the seed's story, a bad update with two failing checks.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{Ended, Machine, VENDOR_PLUGINS, write_plugin};

const LIMIT: Duration = Duration::from_secs(120);
const PASS: &str = "#!/bin/sh\nexit 0\n";

#[test]
fn healthy_boot() {
    let machine = Machine::new("healthy").unwrap();
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "good.sh", PASS))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    println!("{}", boot.shell("systemctl status --no-pager health-checker health-check-settle boot-complete.target 'health-check@*' health-check.target || :; health-checker status; health-checker status --json; health-checker list; cat /var/lib/misc/health-check.state; snapper list; systemctl --failed; cat /var/lib/health-checker/state.json; health-checker; health-checker check good.sh; health-checker history; journalctl -b -p warning --no-pager").unwrap());
    let _ = Ended::StayedUp;
    boot.poweroff().unwrap();
}
