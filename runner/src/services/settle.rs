//! Waiting until the boot has settled, then making units of plugins that the generator could not see yet.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use health_checks::{Mode, Root};

use crate::checks::{late, observe};
use crate::model::run_files::Settled;
use crate::model::units::{RUNNER, is_ours};
use crate::services::arm;
use crate::state::runtime;
use crate::sys::bus::{Job, Manager, through_restarts};
use crate::sys::lease;
use crate::sys::systemctl::RunnerUnit;

/// Targets and late units whose jobs end with the boot. cloud-init's come after multi-user.target.
const BOOT_ENDS_WITH: [&str; 4] = [
    "multi-user.target",
    "default.target",
    "cloud-final.service",
    "cloud-init.target",
];
/// Two looks that see no job running count only if there is some time between them: PID 1 may be in the middle of
/// queueing the next ones.
const QUIET: Duration = Duration::from_millis(100);
/// Without any change of the queue we look this often.
const LOOK: Duration = Duration::from_millis(500);

/// `health-checker settle`, the main program of health-check-settle.service. Without a limit, the configuration has one.
///
/// # Errors
/// When the bus breaks down. The checks run nevertheless (they are only ordered after us).
pub fn settle(root: &Root, limit: Option<Duration>) -> Result<()> {
    if health_checks::command_line(root) == Mode::Off {
        log::info!("'health-checker=0' on the kernel command line: nothing to do");
        return Ok(());
    }
    let limit = limit.unwrap_or_else(|| health_checks::config::load(root).checks.settle);
    lease::status("Waiting for the boot to settle");
    let deadline = Instant::now() + limit;
    let (manager, running) =
        through_restarts(root, deadline, &mut |manager| wait(manager, deadline))?;
    match &running {
        None => log::info!("the boot has settled"),
        Some(running) => {
            log::warn!(
                "the boot has not settled within {} s; still running: {}",
                limit.as_secs(),
                running.join(", ")
            );
        }
    }
    lease::status("Looking for plugins that appeared since the boot began");
    let boot = crate::sys::boot::key_by(root, &manager)?;
    if is_skipped(&manager)? {
        log::warn!(
            "a condition of {RUNNER} is not met: this boot is not judged; see 'systemctl status {RUNNER}'"
        );
        arm::forget(root).context("this boot may be taken for one that died")?;
    }
    let late = late::start(root, &manager, &boot, &observe::find(root))?;
    if !late.is_empty() {
        log::info!(
            "plugins that appeared since the boot began: {}",
            late.join(", ")
        );
    }
    let settled = Settled {
        boot,
        settled: running.is_none(),
        running: running.unwrap_or_default(),
        limit_seconds: limit.as_secs(),
        late,
    };
    lease::status(match settled.settled {
        true => "The boot has settled",
        false => "The boot has not settled in time",
    });
    runtime::write(root, runtime::SETTLED, &settled)
        .context("the result of settling cannot be kept")
}

/// Whether there will be no verdict, because a condition of the runner is not met. It begins while the boot settles.
fn is_skipped(manager: &Manager) -> Result<bool> {
    let units = manager.units_by_names(&[RUNNER.to_owned()])?;
    let is_idle = units
        .first()
        .is_some_and(|unit| unit.active == "inactive" && !unit.has_job);
    Ok(is_idle && RunnerUnit::ask() == RunnerUnit::Skipped)
}

/// `None`: settled. Otherwise the units whose jobs are still running.
fn wait(manager: &Manager, deadline: Instant) -> Result<Option<Vec<String>>> {
    let names = BOOT_ENDS_WITH.map(str::to_owned);
    let boot: Vec<String> = manager
        .units_by_names(&names)?
        .into_iter()
        .map(|unit| unit.name)
        .collect();
    let mut quiet_since: Option<Instant> = None;
    manager.watch_jobs(LOOK, &mut |jobs| {
        lease::renew();
        let running = running(jobs);
        let quiet_before = quiet_since.is_some_and(|since| since.elapsed() >= QUIET);
        quiet_since = running
            .is_empty()
            .then(|| quiet_since.unwrap_or_else(Instant::now));
        if !jobs.iter().any(|job| boot.contains(&job.unit)) || (running.is_empty() && quiet_before)
        {
            return Ok(Some(None));
        }
        Ok((Instant::now() >= deadline).then_some(Some(running)))
    })
}

/// Jobs of others that run. All that waits, waits for us or for one of these.
fn running(jobs: &[Job]) -> Vec<String> {
    jobs.iter()
        .filter(|job| job.running && !is_ours(&job.unit))
        .map(|job| job.unit.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_jobs_and_waiting_ones_do_not_keep_the_boot_from_settling() {
        let job = |unit: &str, running| Job {
            unit: unit.to_owned(),
            running,
        };
        let jobs = [
            job("health-check-settle.service", true),
            job("multi-user.target", false),
            job("slow.service", true),
            job("after-us.service", false),
        ];
        assert_eq!(running(&jobs), ["slow.service"]);
    }
}
