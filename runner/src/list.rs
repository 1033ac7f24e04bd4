//! `health-checker list`: all checks, and the files that look like checks but are none, with the reason.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use health_checks::{Found, Root};

use crate::observe::{self, Expected};
use crate::systemd1::Manager;
use crate::table::{Color, Table, printable};

/// Shows them. Without a bus (or without root on a locked-down one) only those made from files.
///
/// # Errors
/// When nobody reads the output.
pub fn list(root: &Root, json: bool) -> Result<ExitCode> {
    let found = observe::find(root);
    let expected = Manager::connect().and_then(|manager| observe::expected(&manager, &found));
    let expected = expected.unwrap_or_else(|error| {
        log::warn!("only checks made from files are shown: {error:#}");
        found.checks.iter().map(Expected::from).collect()
    });
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{:#}", to_json(&expected, &found))?;
    } else {
        print(&expected, &found, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(expected: &[Expected], found: &Found, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(&["CHECK", "SEVERITY", "UNIT", "SOURCE"]);
    for check in expected {
        table.row(vec![
            (check.name.clone(), Color::Plain),
            (
                match check.switched_off {
                    Some(_) => "skipped".to_owned(),
                    None => check.severity.as_str().to_owned(),
                },
                match check.switched_off {
                    Some(_) => Color::Yellow,
                    None => Color::Plain,
                },
            ),
            (check.unit.clone(), Color::Plain),
            (
                check
                    .source
                    .clone()
                    .unwrap_or_else(|| "unit of the system".to_owned()),
                Color::Plain,
            ),
        ]);
    }
    if table.is_empty() {
        writeln!(
            out,
            "No checks: put an executable file into '{}'",
            health_checks::Origin::Local.directory()
        )?;
    } else {
        table.print(out)?;
    }
    let switched_off = |check: &Expected| {
        let why = check.switched_off.as_ref()?;
        Some(format!("{}: {why}", check.name))
    };
    let switched_off: Vec<String> = expected.iter().filter_map(switched_off).collect();
    if !switched_off.is_empty() {
        writeln!(out, "\nSkipped:")?;
    }
    for line in &switched_off {
        writeln!(out, "  {}", printable(line))?;
    }
    if !found.ignored.is_empty() {
        writeln!(out, "\nNot a check:")?;
    }
    for ignored in &found.ignored {
        writeln!(
            out,
            "  {}: {}",
            printable(&ignored.path.to_string_lossy()),
            ignored.reason
        )?;
    }
    for warning in &found.warnings {
        writeln!(
            out,
            "{} {}",
            Color::Red.paint("warning:"),
            printable(&warning.to_string())
        )?;
    }
    Ok(())
}

fn to_json(expected: &[Expected], found: &Found) -> serde_json::Value {
    let checks: Vec<serde_json::Value> = expected
        .iter()
        .map(|check| {
            serde_json::json!({
                "name": check.name,
                "unit": check.unit,
                "source": check.source,
                "severity": check.severity,
                "switched_off": check.switched_off,
                "masked": found.checks.iter().any(|known| known.unit == check.unit && known.masked),
            })
        })
        .collect();
    let ignored: Vec<serde_json::Value> = found
        .ignored
        .iter()
        .map(|ignored| serde_json::json!({"path": ignored.path.to_string_lossy(), "reason": ignored.reason}))
        .collect();
    let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    serde_json::json!({"version": 1, "checks": checks, "ignored": ignored, "warnings": warnings})
}
