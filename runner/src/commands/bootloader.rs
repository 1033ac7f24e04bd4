//! `health-checker bootloader`: what the boot loader did and would do, for people and programs; and its part of `status`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use health_checks::Root;
use health_checks::text::sentence;
use serde_json::{Value, json};

use super::contradictions::{Around, contradictions, no_counting, no_panic_option};
use crate::bootloader::{Entry, Kind, View, block};
use crate::commands::table::{Color, Table};
use crate::deployment::boot_loader;
use crate::machine::Machine;
use crate::machine::trial::Shown;
use crate::model::deployment::Exists;
use crate::model::loader::Look;
use crate::sys::mountinfo;

/// What to do with GRUB's environment block.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Change {
    /// Set variables in GRUB's environment block
    Set {
        /// What to set, all at once
        #[arg(required = true, value_name = "NAME=VALUE")]
        variables: Vec<String>,
    },
    /// Unset variables in GRUB's environment block
    Unset {
        /// What to unset, all at once
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

/// Changes or shows.
///
/// # Errors
/// When there is no block to change, it cannot be changed, or nobody reads the output.
pub fn bootloader(root: &Root, as_json: bool, change: Option<&Change>) -> Result<ExitCode> {
    match change {
        Some(change) => apply(root, change)?,
        None => {
            let machine = Machine::look(root)?;
            let view = look(&machine);
            let trial = Shown::look(&machine, &Look::from(&view));
            let warnings: Vec<String> = view
                .warnings
                .iter()
                .cloned()
                .chain(no_panic_option(root).map(|text| format!("the kernel command line {text}")))
                .chain(no_counting(root, &view))
                .collect();
            let mut out = io::stdout().lock();
            match as_json {
                true => {
                    let trial = Shown::to_json(trial.as_ref());
                    let all = json!({ "version": 1, "boot_loader": to_json(&view), "trial": trial, "warnings": warnings });
                    writeln!(out, "{all:#}")?;
                }
                false => {
                    let summary =
                        summary(&view).unwrap_or_else(|| "none that is understood".to_owned());
                    writeln!(out, "Boot loader: {}", sentence(&summary))?;
                    if let Some(trial) = trial {
                        writeln!(out, "      Trial: {}", sentence(&trial.text()))?;
                    }
                    print(&view, &warnings, &mut out)?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn apply(root: &Root, change: &Change) -> Result<()> {
    let block = block(root, &mountinfo::read(root)).context(
        "there is no environment block of GRUB here, or neither 'grub2-editenv' nor 'grub-editenv' is installed to read it",
    )?;
    match change {
        Change::Set { variables } => {
            let pairs = variables.iter().map(|text| text.split_once('='));
            let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
            let Some(pairs) = pairs else {
                bail!("what to set is written NAME=VALUE");
            };
            block.set(&pairs)
        }
        Change::Unset { names } => {
            block.unset(&names.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

/// The boot loader of a machine; contradictions are among the warnings.
pub fn look(machine: &Machine) -> View {
    let mut view = boot_loader(&machine.root, &machine.mounts, machine.next.as_ref());
    let bad = machine.state.bad.iter().map(|bad| &bad.deployment);
    let bad = bad.filter(|bad| machine.exists(bad) == Exists::Yes);
    let around = Around {
        on_trial: machine.state.trial.is_some()
            && Shown::look(machine, &Look::from(&view)).is_some(),
        ..Around::look(
            &machine.root,
            machine.next.as_ref().map(|next| next.name().to_owned()),
            bad.map(|bad| bad.name().to_owned()).collect(),
        )
    };
    let contradictions = contradictions(&view, &around);
    view.warnings.extend(contradictions);
    view
}

/// For programs: null where there is no boot loader that is understood.
pub fn to_json(view: &View) -> Value {
    let id = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.id.clone());
    match view.kind {
        Kind::None => Value::Null,
        Kind::Grub | Kind::SystemdBoot | Kind::Grub2Bls => json!({
            "kind": view.kind,
            "entry": id(&view.booted),
            "default": id(&view.default),
            "one_shot": view.one_shot,
            "tries_left": view.tries,
            "fallback": view.fallback,
            "fell_back": view.fell_back,
            "entries": view.entries,
        }),
    }
}

/// One line of `status`; `None` where there is no boot loader that is understood.
pub fn summary(view: &View) -> Option<String> {
    let mut parts = match view.kind {
        Kind::None => return None,
        Kind::Grub | Kind::SystemdBoot | Kind::Grub2Bls => vec![view.kind.as_str().to_owned()],
    };
    parts.extend(
        view.booted
            .as_ref()
            .map(|entry| format!("booted '{}'{}", entry.id, tries(entry.tries_left))),
    );
    parts.extend(
        view.default
            .as_ref()
            .map(|entry| format!("default '{}'{}", entry.id, tries(entry.tries_left))),
    );
    if view.entries.is_empty() {
        parts.extend(
            view.tries
                .map(|left| format!("{} of the default left", tries_left(left))),
        );
    }
    parts.extend(
        view.fallback
            .map(|number| format!("falls back to snapshot {number}")),
    );
    if view.fell_back {
        parts.push("gave up on the default snapshot".to_owned());
    }
    Some(parts.join(", "))
}

fn tries(left: Option<u32>) -> String {
    left.map_or_else(String::new, |left| format!(" ({} left)", tries_left(left)))
}

fn tries_left(left: u32) -> String {
    match left {
        1 => "1 try".to_owned(),
        left => format!("{left} tries"),
    }
}

fn print(view: &View, warnings: &[String], out: &mut impl Write) -> io::Result<()> {
    for warning in warnings {
        writeln!(
            out,
            "    {} {}",
            Color::Yellow.paint("Warning:"),
            sentence(warning)
        )?;
    }
    if view.entries.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(&["ENTRY", "SNAPSHOT", "LEFT", "DONE", "FILE"]);
    let plain = |text: Option<String>| (text.unwrap_or_else(|| "-".to_owned()), Color::Plain);
    for entry in &view.entries {
        let color = if entry.tries_left == Some(0) {
            Color::Red
        } else {
            Color::Plain
        };
        table.row(vec![
            (entry.id.clone(), color),
            plain(entry.snapshot.map(|number| number.to_string())),
            plain(entry.tries_left.map(|left| left.to_string())),
            plain(entry.tries_done.map(|done| done.to_string())),
            plain(entry.path.as_ref().map(|path| path.display().to_string())),
        ]);
    }
    table.print(out)
}
