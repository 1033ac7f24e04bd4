//! `make bench`: what health checks cost, against a plain shell loop and against systemd alone, side by side.
//!
//! Prints tables in Markdown; `docs/BENCHMARKS.md` explains them. One argument: how often each boot is repeated.

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
    check_host()?;
    let start = Instant::now();
    numbers::print_host();
    generator::measure()?;
    probes::measure(repetitions)?;
    runner::measure(repetitions)?;
    verdict::measure(repetitions)?;
    println!("Took {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}
