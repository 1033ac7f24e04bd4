//! Measures the generator as a process, on the host, in a directory in memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use machine::{VENDOR_PLUGINS, programs};

use crate::machines::{Kind, write_all};
use crate::numbers::median;

const COUNTS: [usize; 7] = [0, 1, 50, 100, 200, 500, 1000];

/// CPU time is counted in ticks of 10 ms: only many runs together have a precise one.
const RUNS: usize = 100;

/// Ticks of /proc/self/stat, in milliseconds.
const TICK: f64 = 10.0;

/// Prints the table.
pub fn measure() -> Result<()> {
    println!("## Generator, in milliseconds per process ({RUNS} runs)\n");
    println!(
        "| plugins | from fork to exit, median | CPU time, mean | per plugin, µs |\n|--:|--:|--:|--:|"
    );
    let mut empty = 0.0;
    for count in COUNTS {
        let (wall, cpu) = runs(count)?;
        if count == 0 {
            empty = cpu;
        }
        let each = (cpu - empty) * 1000.0 / count.max(1) as f64;
        println!("| {count} | {wall:.2} | {cpu:.2} | {each:.0} |");
    }
    println!();
    Ok(())
}

fn runs(count: usize) -> Result<(f64, f64)> {
    let directory =
        tempfile::tempdir_in("/dev/shm").context("cannot make a directory in '/dev/shm'")?;
    let root = directory.path().join("root");
    fs::create_dir(&root).context("cannot make a root directory")?;
    write_all(&root, VENDOR_PLUGINS, count, Kind::Nothing)?;
    let program = programs().join("health-checker-generator");
    let mut wall = Vec::new();
    let before = children_cpu()?;
    for run in 0..RUNS {
        let out = directory.path().join(format!("out-{run}"));
        fs::create_dir(&out).with_context(|| format!("cannot make '{}'", out.display()))?;
        let start = Instant::now();
        // It says there that it has nothing to do.
        let status = Command::new(&program)
            .arg("--root")
            .arg(&root)
            .arg(&out)
            .stderr(Stdio::null())
            .status();
        wall.push(start.elapsed().as_secs_f64() * 1000.0);
        let status = status.with_context(|| format!("cannot run '{}'", program.display()))?;
        if !status.success() || links(&out) != count {
            bail!(
                "the generator made {} units of {count} plugins ({status})",
                links(&out)
            );
        }
        fs::remove_dir_all(&out).with_context(|| format!("cannot remove '{}'", out.display()))?;
    }
    Ok((median(&wall), (children_cpu()? - before) / RUNS as f64))
}

fn links(out: &Path) -> usize {
    fs::read_dir(out.join("health-check.target.requires")).map_or(0, Iterator::count)
}

/// CPU time of all children that were waited for, in milliseconds; see proc_pid_stat(5).
pub fn children_cpu() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read '/proc/self/stat'")?;
    // The second field may contain anything, but ends with the last ')'.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    // Fields 16 and 17, counted from the third.
    let ticks = fields.split_whitespace().skip(13).take(2);
    Ok(ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        * TICK)
}
