//! `make bench`: what health checks cost, against a plain shell loop and against systemd alone, side by side.
//!
//! Prints tables in Markdown; `docs/BENCHMARKS.md` explains them. Arguments: which parts to measure (all), and how
//! often each boot is repeated.

mod generator;
mod machines;
mod numbers;
mod probes;
mod runner;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use machine::check_host;

use machines::Kind;

/// The median of five leaves out two unlucky ones on either side.
const REPETITIONS: usize = 5;

/// What is measured, in this order. The verdict has two parts: checks that do nothing, and checks that wait.
const PARTS: [&str; 5] = ["generator", "probes", "runner", "no-ops", "waits"];

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let (parts, repetitions) = arguments(std::env::args().skip(1))?;
    check_host()?;
    let start = Instant::now();
    numbers::print_host();
    for part in &parts {
        match *part {
            "generator" => generator::measure()?,
            "probes" => probes::measure(repetitions)?,
            "runner" => runner::measure(repetitions)?,
            "no-ops" => verdict::measure(Kind::Nothing, repetitions)?,
            _ => verdict::measure(Kind::Waits, repetitions)?,
        }
    }
    println!("Took {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

fn arguments(arguments: impl Iterator<Item = String>) -> Result<(Vec<&'static str>, usize)> {
    let (mut chosen, mut repetitions) = (Vec::new(), REPETITIONS);
    for argument in arguments {
        match (
            PARTS.iter().find(|part| **part == argument),
            argument.parse(),
        ) {
            (Some(part), _) => chosen.push(*part),
            (None, Ok(0)) => bail!("nothing is measured by 0 repetitions"),
            (None, Ok(number)) => repetitions = number,
            (None, Err(_)) => bail!(
                "'{argument}' is neither a number of repetitions nor a part: {}",
                PARTS.join(", ")
            ),
        }
    }
    let all = chosen.is_empty();
    let parts = PARTS
        .into_iter()
        .filter(|part| all || chosen.contains(part));
    Ok((parts.collect(), repetitions))
}
