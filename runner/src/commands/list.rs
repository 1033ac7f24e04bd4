//! `health-checker list`: all checks, and the files that look like checks but are none, with the reason.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use health_checks::text::{printable, sentence};
use health_checks::{Check, Found, Kind, Root, Settings};
use serde_json::{Value, json};

use crate::checks::observe::{self, Expected};
use crate::commands::table::{Color, Table};
use crate::model::text::count;
use crate::sys::bus::Manager;

/// Shows them. Without a bus (or without root on a locked-down one) only those made from files.
///
/// # Errors
/// When nobody reads the output.
pub fn list(root: &Root, json: bool) -> Result<ExitCode> {
    let found = observe::find(root);
    let expected = Manager::connect()
        .and_then(|manager| observe::pulled_in(&manager))
        .map(|pulled_in| observe::expected(pulled_in, &found));
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
    let mut table = Table::new(&["CHECK", "SEVERITY", "UNIT", "SOURCE", "DETAILS"]);
    for check in expected {
        let known = found.checks.iter().find(|known| known.unit == check.unit);
        let severity = match known {
            Some(known) if known.masked => ("masked", Color::Yellow),
            Some(known) if !known.defects.is_empty() => ("broken", Color::Red),
            Some(_) | None => (check.severity.as_str(), Color::Plain),
        };
        let source = check.source.as_deref().unwrap_or("unit of the system");
        table.row(vec![
            (check.name.clone(), Color::Plain),
            (severity.0.to_owned(), severity.1),
            (check.unit.clone(), Color::Plain),
            (source.to_owned(), Color::Plain),
            (known.map(details).unwrap_or_default(), Color::Plain),
        ]);
    }
    if table.is_empty() {
        writeln!(
            out,
            "No checks: write one with 'health-checker new NAME', or put an executable file into '{}'",
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
        writeln!(out, "  {}", sentence(line))?;
    }
    if !found.ignored.is_empty() {
        writeln!(out, "\nNot a check:")?;
    }
    for ignored in &found.ignored {
        writeln!(
            out,
            "  {}: {}",
            printable(&ignored.path.to_string_lossy()),
            sentence(&ignored.reason)
        )?;
    }
    for warning in &found.warnings {
        writeln!(
            out,
            "{} {}",
            Color::Red.paint("warning:"),
            sentence(&warning.to_string())
        )?;
    }
    Ok(())
}

/// What it runs and what is not the default, as in its file; what else has a say in it.
fn details(check: &Check) -> String {
    let mut details = Vec::new();
    if check.defects.is_empty() {
        details.extend(check.exec.as_deref().map(command));
    } else {
        details.push(format!(
            "always fails: {}",
            count(check.defects.len(), "mistake")
        ));
    }
    details.extend(settings(&check.settings));
    let others = check.sources.iter().filter(|path| **path != check.source);
    details.extend(others.map(|path| format!("with '{}'", path.display())));
    details.extend(check.masked_by.iter().map(|how| format!("masked: {how}")));
    details.join(", ")
}

/// The probes are known without the path of their program.
fn command(exec: &str) -> String {
    let begin = "/usr/bin/health-probe ";
    match exec.strip_prefix(begin) {
        Some(probe) => format!("health-probe {probe}"),
        None => exec.to_owned(),
    }
}

fn settings(settings: &Settings) -> Vec<String> {
    let default = Settings::default();
    let mut shown = Vec::new();
    let span = |span: Duration| match span.subsec_millis() {
        0 => format!("{}s", span.as_secs()),
        _ => format!("{}ms", span.as_millis()),
    };
    if let Some(timeout) = settings.timeout {
        shown.push(format!("TimeoutSec={}", span(timeout)));
    }
    if settings.retries != default.retries {
        shown.push(format!("Retries={}", settings.retries));
        shown.push(format!("RetrySec={}", span(settings.retry)));
    }
    for (key, units) in [
        ("RestartUnits", &settings.restart_units),
        ("StopUnits", &settings.stop_units),
    ] {
        if !units.is_empty() {
            shown.push(format!("{key}={}", units.join(" ")));
        }
    }
    shown
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn to_json(expected: &[Expected], found: &Found) -> Value {
    let checks: Vec<Value> = expected
        .iter()
        .map(|check| {
            let known = found.checks.iter().find(|known| known.unit == check.unit);
            let mut value = json!({
                "name": check.name,
                "unit": check.unit,
                "source": check.source,
                "severity": check.severity,
                "switched_off": check.switched_off,
                "masked": known.is_some_and(|known| known.masked),
            });
            if let (Some(known), Some(value)) = (known, value.as_object_mut()) {
                value.extend(known_json(known));
            }
            value
        })
        .collect();
    let ignored: Vec<Value> = found
        .ignored
        .iter()
        .map(|ignored| json!({"path": ignored.path.to_string_lossy(), "reason": ignored.reason}))
        .collect();
    let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    json!({"version": 1, "checks": checks, "ignored": ignored, "warnings": warnings})
}

/// What only checks made from files have.
fn known_json(check: &Check) -> serde_json::Map<String, Value> {
    let kind = match check.kind {
        Kind::Plugin => "plugin",
        Kind::File => "file",
    };
    let defects: Vec<Value> = check
        .defects
        .iter()
        .map(|defect| {
            json!({"path": defect.path.to_string_lossy(), "line": defect.line, "text": defect.text})
        })
        .collect();
    let sources: Vec<_> = check
        .sources
        .iter()
        .map(|path| path.to_string_lossy())
        .collect();
    let Settings {
        retries,
        retry,
        stable,
        timeout,
        restart_units,
        stop_units,
        units,
    } = &check.settings;
    let value = json!({
        "kind": kind,
        "masked_by": check.masked_by,
        "sources": sources,
        "command": check.exec,
        "settings": {
            "timeout_usec": timeout.map(micros),
            "retries": retries,
            "retry_usec": micros(*retry),
            "stable_usec": stable.map(micros),
            "units": units,
            "restart_units": restart_units,
            "stop_units": stop_units,
        },
        "defects": defects,
    });
    match value {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_a_file_and_its_drop_in() {
        let files = [
            (
                "/etc/web.check".into(),
                "[Check]\nHttpGet=http://localhost/\nRetries=2\nRestartUnits=a.service b.service\n"
                    .into(),
            ),
            (
                "/etc/web.check.d/x.conf".into(),
                "[Check]\nTimeoutSec=1min\n".into(),
            ),
        ];
        let mut check = health_checks::define("web".as_ref(), &files);
        check.masked_by = Some("'/x' is empty".to_owned());
        assert_eq!(
            details(&check),
            "health-probe http --timeout=55s http://localhost/, TimeoutSec=60s, Retries=2, RetrySec=5s, \
             RestartUnits=a.service b.service, with '/etc/web.check.d/x.conf', masked: '/x' is empty"
        );
        let typo = [("/etc/web.check".into(), "[Check]\nExec=/x\nTypo=1\n".into())];
        let check = health_checks::define("web".as_ref(), &typo);
        assert_eq!(details(&check), "always fails: 1 mistake");
        let json = Value::Object(known_json(&check));
        assert_eq!(json["defects"][0]["line"], 3);
        assert_eq!(json["settings"]["retries"], 0);
    }
}
