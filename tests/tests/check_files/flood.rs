//! Checks that say a gigabyte: neither memory nor journal nor disk are filled by it, and the others are judged.

use machine::{Machine, VENDOR_PLUGINS, write_check, write_file, write_plugin};

use crate::{LIMIT, assert_check};

/// What all of it together may leave in the journal, in KiB: about 10 MB of each flood, and what a boot says anyway.
const MOST_JOURNAL: u64 = 64 << 10;

/// What is kept of it in a report, in bytes.
const MOST_REPORT: u64 = 64 << 10;

/// Whatever it is called with, `stop` as well.
const LINES: &str = "#!/bin/sh
line=$(printf '%04000d' 0)
yes $line | head -c 1G
echo the end of $1 >> /run/lines
exit 1
";

/// All of it is one line.
const LINE: &str = "[Check]
Exec=/bin/sh -c 'head -c 1G /dev/zero | tr \"\\\\0\" x; exit 1'
Severity=wanted
";

#[test]
fn a_gigabyte_of_output_is_bounded() {
    let machine = Machine::new("flood").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, VENDOR_PLUGINS, "lines", LINES)?;
            write_check(root, "line", LINE)?;
            write_check(root, "other", "[Check]\nExec=/bin/echo here I am\n")?;
            let drop_in = "/etc/health-checker/health-checker.conf.d/50-test.conf";
            write_file(root, drop_in, "[Escalation]\nNewSnapshot=stop\n")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    assert_check(&status, "lines", "failed", "status 1");
    assert_check(&status, "line", "failed", "status 1");
    assert_check(&status, "other", "passed", "");
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    // They were not cut off, but heard to the end.
    let ran = boot.shell("cat /run/lines").unwrap();
    assert_eq!(ran, "the end of check\nthe end of stop\n");
    let said = boot.said("health-check@other.service").unwrap();
    assert!(said.contains("here I am"), "{said}");

    let number = |command: &str| -> u64 { boot.shell(command).unwrap().trim().parse().unwrap() };
    let journal = number("journalctl --sync; du -sk /var/log/journal | cut -f1");
    assert!(journal < MOST_JOURNAL, "{journal} KiB of journal");
    for file in [
        "/run/health-checker/report.json",
        "/var/lib/health-checker/state.json",
    ] {
        let size = number(&format!("stat --format=%s {file}"));
        assert!(size < MOST_REPORT, "'{file}' has {size} bytes");
    }
    boot.poweroff().unwrap();
}
