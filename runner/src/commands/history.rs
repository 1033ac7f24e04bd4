//! `health-checker history` and `health-checker reset`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use health_checks::Root;

use crate::commands::status;
use crate::commands::table::{Color, Table};
use crate::course::login;
use crate::machine::Machine;
use crate::model::facts::Action;
use crate::model::report::Report;
use crate::model::text::time;
use crate::state::runtime;
use crate::sys::bus::Manager;

/// Shows the judged boots, newest first, and the incidents.
///
/// # Errors
/// When nobody reads the output.
pub fn history(root: &Root) -> Result<ExitCode> {
    let machine = Machine::look(root)?;
    for warning in &machine.warnings {
        log::warn!("{warning}");
    }
    let state = &machine.state;
    let mut out = io::stdout().lock();
    let mut table = Table::new(&["JUDGED", "SNAPSHOT", "VERDICT", "ACTION", "FAILED"]);
    for boot in &state.history {
        table.row(vec![
            (time(boot.at), Color::Plain),
            (
                boot.snapshot
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |snapshot| snapshot.number.to_string()),
                Color::Plain,
            ),
            (
                boot.verdict.as_str().to_owned(),
                Color::of_verdict(boot.verdict),
            ),
            (
                if boot.action == Action::None {
                    "-"
                } else {
                    boot.action.as_str()
                }
                .to_owned(),
                Color::Plain,
            ),
            (boot.failed.join(", "), Color::Plain),
        ]);
    }
    if table.is_empty() {
        writeln!(out, "No boot has been judged yet")?;
    } else {
        table.print(&mut out)?;
    }
    for incident in state.incident.iter().chain(&state.past) {
        writeln!(out)?;
        status::print_incident(incident, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Acknowledges the incident.
///
/// # Errors
/// When that cannot be written down.
pub fn reset(root: &Root) -> Result<ExitCode> {
    if Manager::connect()
        .and_then(|manager| status::is_judging(&manager))
        .unwrap_or_default()
    {
        bail!(
            "the boot is being judged right now: try again when 'health-checker status' shows a verdict"
        );
    }
    let mut machine = Machine::look(root)?;
    for warning in &machine.warnings {
        log::warn!("{warning}");
    }
    let Some(incident) = machine.state.acknowledge() else {
        println!("There is no incident to acknowledge");
        return Ok(ExitCode::SUCCESS);
    };
    machine
        .store
        .save(&machine.state)
        .context("the incident cannot be acknowledged")?;
    let report = runtime::read::<Report>(root, runtime::REPORT);
    if let Some(report) = report
        .filter(|report| report.boot == machine.boot)
        .filter(|_| machine.config.notify.login)
    {
        login::show(root, report.verdict, &report.checks, None);
    }
    let open = if incident.is_open() {
        ", which was still open: if the next boot fails, its ladder begins anew"
    } else {
        ""
    };
    println!("Acknowledged the incident of {}{open}", time(incident.at));
    println!("It is kept in 'health-checker history'");
    Ok(ExitCode::SUCCESS)
}
