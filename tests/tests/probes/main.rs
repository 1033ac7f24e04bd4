//! Every probe in real boots of a real machine: each key of `[Check]` once where it is as expected, and once where it is
//! not, for its own reason. The services are real: sshd, a web server, one that crashes, one that needs its time.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cases;
mod system;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use machine::{Boot, Machine, Status, source, write_check};

use cases::{Case, FAILING, PASSING};

const LIMIT: Duration = Duration::from_secs(120);

/// Passing checks are required: one that fails makes the boot unhealthy, and not only its own assertion false.
fn write_cases(root: &Path) -> Result<()> {
    for case in PASSING {
        write_check(root, case.name, case.text)?;
    }
    for case in FAILING {
        // The settings of a case come last in its text, below '[Check]'.
        let text = format!("{}\nSeverity=wanted\n", case.text);
        write_check(root, case.name, &text)?;
    }
    Ok(())
}

fn said(boot: &Boot, case: &Case) -> String {
    boot.said(&format!("health-check@{}.service", case.name))
        .unwrap()
}

/// What is not as it should be with the result of a case.
fn objections(boot: &Boot, status: &Status, case: &Case, result: &str) -> Vec<String> {
    let check = status.check(case.name);
    let said = said(boot, case);
    let mut objections = Vec::new();
    if check["result"] != result || check["tries"] != 1 {
        objections.push(format!("{}: {check:#}\n{said}", case.name));
    }
    let missing = case.said.iter().filter(|text| !said.contains(**text));
    objections.extend(missing.map(|text| format!("{}: no '{text}' in: {said}", case.name)));
    objections
}

#[test]
fn every_probe_passes_and_fails_for_its_own_reason() {
    let machine = Machine::builder()
        .with_more_packages()
        .build("probes")
        .unwrap();
    machine
        .edit(|root| {
            system::furnish(root)?;
            write_cases(root)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    let passing = PASSING.iter().map(|case| (case, "passed"));
    let failing = FAILING.iter().map(|case| (case, "failed"));
    let objections: Vec<String> = passing
        .chain(failing)
        .flat_map(|(case, result)| objections(&boot, &status, case, result))
        .collect();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    // Only wanted ones failed: reported, and committed.
    let failing: Vec<&str> = FAILING.iter().map(|case| case.name).collect();
    let mut failed = status.failed();
    failed.sort_by_key(|name| failing.iter().position(|failing| failing == name));
    assert_eq!(failed, failing);
    assert_eq!(status.verdict(), ("degraded", "none"));
    assert_eq!(status.known_good(), [1]);
    // A check that was asked too early waited, and needed no retries.
    let waited = status.check("unit-slow")["duration_usec"].as_u64().unwrap();
    assert!(waited > system::SLOW.as_micros() as u64 / 2, "{waited}");
    // PID 1 is asked over its own socket: without a systemctl there is no other way.
    let unit = "PATH=/nonexistent /usr/bin/health-probe unit ssh.service --stable=0 --timeout=0";
    assert!(boot.shell(unit).unwrap().contains("'ssh.service' active"));
    // The containers would take 90 s to stop: their 'sleep' is a PID 1, which ignores SIGTERM.
    boot.kill().unwrap();
}

/// Nobody adds a probe or an option of one without a case here that passes and one that fails.
#[test]
fn no_key_is_forgotten() {
    let page = source().join("docs/health-checker.check.5");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, probes) = page.split_once("\n.SS Probes\n").unwrap();
    let (probes, _) = probes.split_once("\n.SH ").unwrap();
    let keys = probes
        .lines()
        .filter_map(|line| line.strip_prefix(".B ")?.split_once('='))
        .map(|(key, _)| key);
    let mut count = 0;
    for key in keys {
        let used = |cases: &[Case]| {
            let line = format!("\n{key}=");
            cases.iter().any(|case| case.text.contains(&line))
        };
        assert!(used(PASSING), "no passing case of '{key}='");
        assert!(used(FAILING), "no failing case of '{key}='");
        count += 1;
    }
    assert!(count > 30, "the manual page has only {count} keys?");
}
