//! `make bench`: what health checks cost, against a plain shell loop and against systemd alone, side by side.
//!
//! Prints tables in Markdown; `docs/BENCHMARKS.md` explains them. Arguments: how often each boot is repeated, and which
//! parts are measured (`generator`, `probes`, `runner`, `verdict`), if not all.

mod generator;
mod machines;
mod numbers;
mod probes;
mod runner;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use machine::check_host;

/// The median of five leaves out two unlucky ones on either side.
const REPETITIONS: usize = 5;

type Part = (&'static str, fn(usize) -> Result<()>);

/// What can be measured, by name.
const PARTS: [Part; 4] = [
    ("generator", |_| generator::measure()),
    ("probes", probes::measure),
    ("runner", runner::measure),
    ("verdict", verdict::measure),
];

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
    let repetitions = match std::env::args().nth(1) {
        Some(number) => number
            .parse()
            .with_context(|| format!("'{number}' is not a number of repetitions"))?,
        None => REPETITIONS,
    };
    if repetitions == 0 {
        bail!("nothing is measured by 0 repetitions");
    }
    let wanted: Vec<String> = std::env::args().skip(2).collect();
    for name in &wanted {
        if !PARTS.iter().any(|(part, _)| part == name) {
            bail!(
                "no part '{name}': there are {}",
                PARTS.map(|(part, _)| part).join(", ")
            );
        }
    }
    check_host()?;
    let start = Instant::now();
    numbers::print_host();
    for (part, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|name| name == part) {
            measure(repetitions)?;
        }
    }
    println!("Took {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}
