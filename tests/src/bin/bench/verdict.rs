//! Measures the time from the end of settling to the verdict, against a shell loop and against static units.

use anyhow::{Context, Result, bail};
use machine::Boot;
use serde_json::Value;

use crate::machines::{self, COMPARED, Kind};
use crate::numbers::{load, median};

const COUNTS: [usize; 4] = [1, 10, 50, 100];

/// A loop that takes longer is not repeated: it consists of waiting. In seconds.
const LONG_LOOP: f64 = 6.0;

/// Milliseconds of all repetitions.
#[derive(Default)]
struct Measured {
    checks: Vec<f64>,
    verdict: Vec<f64>,
    complete: Vec<f64>,
    units: Vec<f64>,
    serial: Vec<f64>,
}

impl Measured {
    /// Verdict against static units: the median of the pairs, each of which was measured at nearly the same time.
    fn ratio(&self) -> f64 {
        let pairs = self.verdict.iter().zip(&self.units);
        median(
            &pairs
                .map(|(ours, theirs)| ours / theirs)
                .collect::<Vec<_>>(),
        )
    }
}

/// Prints the table for checks of one kind.
pub fn measure(kind: Kind, repetitions: usize) -> Result<()> {
    println!(
        "## Verdict, in milliseconds after the boot has settled (median of {repetitions} boots)\n"
    );
    println!(
        "| checks | each | all checks done | verdict | recorded, boot-complete.target | (a) shell loop | (b) static units | verdict ÷ (b) | (a) ÷ verdict | load |"
    );
    println!("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for count in COUNTS {
        let measured = side_by_side(count, kind, repetitions)?;
        let verdict = median(&measured.verdict);
        let (serial, units) = (median(&measured.serial), median(&measured.units));
        println!(
            "| {count} | {} | {:.0} | {verdict:.0} | {:.0} | {serial:.0} | {units:.0} | {:.2} | {:.1} | {} |",
            kind.name(),
            median(&measured.checks),
            median(&measured.complete),
            measured.ratio(),
            serial / verdict,
            load(),
        );
    }
    println!();
    Ok(())
}

/// In turns, so that a busy moment of the host meets both.
fn side_by_side(count: usize, kind: Kind, repetitions: usize) -> Result<Measured> {
    let ours = machines::with_plugins(count, kind)?;
    let theirs = machines::with_static_units(count, kind)?;
    let mut measured = Measured::default();
    for repetition in 0..repetitions {
        let boot = machines::boot(&ours, "boot-complete.target")?;
        let settled = entered(&boot, "health-check-settle.service")?;
        measured
            .checks
            .push(entered(&boot, "health-check.target")? - settled);
        measured.verdict.push(verdict(&boot, count)? - settled);
        measured
            .complete
            .push(entered(&boot, "boot-complete.target")? - settled);
        boot.poweroff()?;

        let boot = machines::boot(&theirs, "compared.target")?;
        let settled = entered(&boot, "health-check-settle.service")?;
        measured
            .units
            .push(entered(&boot, "compared.target")? - settled);
        if repetition == 0 || kind.wait() * count as f64 <= LONG_LOOP {
            measured.serial.push(serial(&boot)?);
        }
        boot.poweroff()?;
    }
    Ok(measured)
}

/// When a unit became active, in milliseconds of the monotonic clock.
fn entered(boot: &Boot, unit: &str) -> Result<f64> {
    let text = boot.shell(&format!(
        "systemctl show --value --property=ActiveEnterTimestampMonotonic {unit}"
    ))?;
    match text.trim().parse::<f64>() {
        Ok(time) if time > 0.0 => Ok(time / 1000.0),
        _ => bail!("'{unit}' was not reached"),
    }
}

/// When the verdict was logged; it has to be about all checks.
fn verdict(boot: &Boot, count: usize) -> Result<f64> {
    // journald may be behind, so far that it finds the sender gone and cannot tell its unit.
    boot.shell("journalctl --sync")?;
    let line = boot.journal(&[
        "-b",
        "-o",
        "json",
        "-t",
        "health-checker",
        "HEALTH_RESULT=healthy",
    ])?;
    let entry: Value = serde_json::from_str(line.trim()).with_context(|| {
        let status = boot.shell("health-checker status").unwrap_or_default();
        format!("one verdict 'healthy' was expected, not '{line}'\n{status}")
    })?;
    let status: Value = serde_json::from_str(&boot.shell("health-checker status --json")?)?;
    let passed = status["checks"].as_array().map_or(0, |checks| {
        checks
            .iter()
            .filter(|check| check["result"] == "passed")
            .count()
    });
    if passed != count {
        bail!("{passed} checks passed instead of {count}");
    }
    let time = entry["__MONOTONIC_TIMESTAMP"]
        .as_str()
        .context("no time in the journal")?;
    let time: f64 = time
        .parse()
        .with_context(|| format!("'{time}' is no time"))?;
    Ok(time / 1000.0)
}

/// How long a shell takes that runs one plugin after another, in milliseconds; the machine is idle.
fn serial(boot: &Boot) -> Result<f64> {
    let text = boot.shell(&format!(
        "begin=$(date +%s%N); for plugin in {COMPARED}/*; do \"$plugin\" check; done; end=$(date +%s%N); echo $((end - begin))"
    ))?;
    let time: f64 = text
        .trim()
        .parse()
        .with_context(|| format!("'{text}' is no time"))?;
    Ok(time / 1_000_000.0)
}
