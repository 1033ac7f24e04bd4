//! Measures what the runner itself uses for 50 checks: CPU time as systemd counts it, and peak memory.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::machines::{self, Kind};
use crate::numbers::median;

const CHECKS: usize = 50;

/// The runner lives for 50 ms or more.
const LOOK: Duration = Duration::from_millis(1);

/// Prints the numbers.
pub fn measure(repetitions: usize) -> Result<()> {
    let machine = machines::with_plugins(CHECKS, Kind::Nothing)?;
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let done = AtomicBool::new(false);
        let (boot, peak) = thread::scope(|scope| {
            // The boot stays with this thread, and the other one looks.
            let boot = machine.boot()?;
            let group = format!(
                "/proc/{}/root/sys/fs/cgroup/system.slice/health-checker.service/cgroup.procs",
                boot.pid()
            );
            let looking = scope.spawn({
                let done = &done;
                move || look(&group, done)
            });
            let boot = machines::wait(boot, "boot-complete.target");
            done.store(true, Ordering::Relaxed);
            let peak = looking.join().unwrap_or_default();
            anyhow::Ok((boot?, peak))
        })?;
        if peak == 0.0 {
            bail!("the runner was not seen: nothing is known of its memory");
        }
        let used =
            boot.shell("systemctl show --value --property=CPUUsageNSec health-checker.service")?;
        let used: f64 = used
            .trim()
            .parse()
            .with_context(|| format!("'{used}' is no CPU time"))?;
        cpu.push(used / 1_000_000.0);
        memory.push(peak);
        boot.poweroff()?;
    }
    println!("## Runner, {CHECKS} checks (median of {repetitions} boots)\n");
    println!("| CPU time of health-checker.service | peak memory |\n|--:|--:|");
    println!("| {:.1} ms | {:.1} MiB |\n", median(&cpu), median(&memory));
    Ok(())
}

/// Looks at the runner while it lives, and returns its peak in MiB. The kernel keeps the peak, so that only the last
/// moment could be missed.
fn look(group: &str, done: &AtomicBool) -> f64 {
    let mut peak = 0.0_f64;
    while !done.load(Ordering::Relaxed) {
        let processes = fs::read_to_string(group).unwrap_or_default();
        for process in processes.lines() {
            let read = |file: &str| {
                fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
            };
            // Not one of the programs that it runs, nor systemd's own before it is executed.
            if read("comm").trim() != "health-checker" {
                continue;
            }
            let status = read("status");
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
            peak = peak.max(high.unwrap_or_default() / 1024.0);
        }
        thread::sleep(LOOK);
    }
    peak
}
