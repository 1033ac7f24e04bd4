//! `health-checker history` and `health-checker reset`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use health_checks::Root;
use serde_json::{Value, json};

use crate::commands::published::published;
use crate::commands::status;
use crate::commands::table::{Color, Table};
use crate::course::login;
use crate::machine::Machine;
use crate::model::deployment::Deployment;
use crate::model::facts::Action;
use crate::model::report::Report;
use crate::model::text::time;
use crate::state::incident::Incident;
use crate::state::{State, runtime};
use crate::sys::bus::Manager;

/// Shows the judged boots, newest first, and the incidents.
///
/// # Errors
/// When nobody reads the output.
pub fn history(root: &Root, as_json: bool) -> Result<ExitCode> {
    let machine = Machine::look(root)?;
    for warning in &machine.warnings {
        log::warn!("{warning}");
    }
    let mut out = io::stdout().lock();
    match as_json {
        true => writeln!(out, "{:#}", to_json(&machine.state))?,
        false => print(&machine.state, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `boots` and `incidents`, newest first.
fn to_json(state: &State) -> Value {
    let incidents: Vec<&Incident> = state.incident.iter().chain(&state.past).collect();
    json!({
        "version": 1,
        "boots": published(&state.history),
        "incidents": published(&incidents),
    })
}

fn print(state: &State, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(&["JUDGED", "SNAPSHOT", "VERDICT", "ACTION", "FAILED"]);
    for boot in &state.history {
        table.row(vec![
            (time(boot.at), Color::Plain),
            (
                boot.deployment
                    .as_ref()
                    .map_or("-", Deployment::name)
                    .to_owned(),
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
        table.print(out)?;
    }
    for incident in state.incident.iter().chain(&state.past) {
        writeln!(out)?;
        status::print_incident(incident, out)?;
    }
    Ok(())
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
