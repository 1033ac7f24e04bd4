//! Jobs: queueing them, waiting for their ends, watching the queue.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ends::JobEnds;
use super::{Job, Manager, Verb, plain};

/// How often waiting is interrupted, so that the caller can renew its lease, and we look for ends that nobody told.
const TICK: Duration = Duration::from_secs(5);
/// What Subscribe answers the second time.
const ALREADY_SUBSCRIBED: &str = "org.freedesktop.systemd1.AlreadySubscribed";
/// The result of a job that is gone without a signal.
const UNTOLD: &str = "ended, and the bus did not tell how";

/// Units whose jobs were queued together.
struct Jobs {
    /// By unit, in the order asked for; nothing while the job goes on.
    results: Vec<Option<String>>,
    /// Which unit each job is of that goes on, by its object path.
    waiting: HashMap<String, usize>,
}

impl Jobs {
    fn take(&mut self, ended: Vec<(String, String)>) {
        for (job, result) in ended {
            if let Some(index) = self.waiting.remove(&job) {
                self.results[index] = Some(result);
            }
        }
    }

    /// What is not queued any more has ended, whether or not a signal said so.
    fn keep(&mut self, queued: &HashSet<&str>) {
        let results = &mut self.results;
        self.waiting.retain(|job, index| {
            let goes_on = queued.contains(job.as_str());
            if !goes_on {
                results[*index] = Some(UNTOLD.to_owned());
            }
            goes_on
        });
    }
}

impl Manager {
    /// Starts units, all at once, and waits until their jobs are done. Gives each unit's job result (`done`, `failed`,
    /// `timeout`, `dependency`, …) or why there was no job. Calls `tick` every few seconds.
    ///
    /// # Errors
    /// When the bus breaks down. Jobs that do not end in `limit` have the result "still running".
    pub fn run(
        &self,
        verb: Verb,
        units: &[String],
        limit: Duration,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        zbus::block_on(self.run_jobs(verb, units, limit, tick))
    }

    async fn run_jobs(
        &self,
        verb: Verb,
        units: &[String],
        limit: Duration,
        tick: &dyn Fn(),
    ) -> Result<Vec<String>> {
        // systemd tells whoever queued a job of its end. Without Subscribe() it tells nothing else: it would say much of
        // every check that runs meanwhile, and slow them down.
        let mut ends = JobEnds::listen(&self.proxy).await?;
        let mut jobs = Jobs {
            results: vec![None; units.len()],
            waiting: HashMap::new(),
        };
        for (index, unit) in units.iter().enumerate() {
            match ends.during(self.start(verb, unit)).await? {
                Ok(job) => {
                    jobs.waiting.insert(job, index);
                }
                Err(error) => jobs.results[index] = Some(plain(&error)),
            }
        }
        let deadline = Instant::now() + limit;
        let mut looked = Instant::now();
        loop {
            jobs.take(ends.heard());
            let left = deadline.saturating_duration_since(Instant::now());
            if jobs.waiting.is_empty() || left.is_zero() {
                break;
            }
            if looked.elapsed() < TICK {
                let next = ends.hear_one();
                // Out of time is no error: we look then.
                let heard = self.runtime.timeout(TICK.min(left), next).await;
                heard.unwrap_or(Ok(()))?;
                continue;
            }
            tick();
            self.look_for_ends(&mut ends, &mut jobs).await?;
            looked = Instant::now();
        }
        let unended = || "still running".to_owned();
        let results = jobs.results.into_iter();
        Ok(results.map(|end| end.unwrap_or_else(unended)).collect())
    }

    async fn start(&self, verb: Verb, unit: &str) -> zbus::Result<String> {
        let unit = unit.to_owned();
        let replace = "replace".to_owned();
        let job = match verb {
            Verb::Start => self.proxy.start_unit(unit, replace).await,
            Verb::Restart => self.proxy.restart_unit(unit, replace).await,
            Verb::RunAgain => {
                let mode = "ignore-requirements".to_owned();
                self.proxy.restart_unit(unit, mode).await
            }
        };
        job.map(|job| job.as_str().to_owned())
    }

    /// A signal can be lost: by a bus that is flooded, by a systemd that is executed again.
    async fn look_for_ends(&self, ends: &mut JobEnds, jobs: &mut Jobs) -> Result<()> {
        ends.look_who_speaks().await?;
        match ends.during(self.proxy.list_jobs()).await? {
            Ok(queued) => {
                // What systemd told before it made this list.
                jobs.take(ends.heard());
                jobs.keep(&queued.iter().map(|job| job.4.as_str()).collect());
            }
            Err(error) => log::warn!("systemd does not list its jobs: {}", plain(&error)),
        }
        Ok(())
    }

    /// systemd sends signals only to those who ask, and refuses to be asked twice.
    async fn subscribe(&self) -> zbus::Result<()> {
        match self.proxy.subscribe().await {
            Err(zbus::Error::MethodError(name, _, _)) if name == ALREADY_SUBSCRIBED => Ok(()),
            answer => answer,
        }
    }

    /// Calls `look` now and after every change of the job queue (at least every `at_least`), until it gives a value.
    ///
    /// # Errors
    /// From the bus or from `look`.
    pub fn watch_jobs<T>(
        &self,
        at_least: Duration,
        look: &mut dyn FnMut(&[Job]) -> Result<Option<T>>,
    ) -> Result<T> {
        // A boot has some hundred jobs; what they say all together is seen in one look.
        const COALESCE: Duration = Duration::from_millis(20);
        let mut ends = zbus::block_on(JobEnds::listen(&self.proxy))?;
        zbus::block_on(ends.during(self.subscribe()))??;
        loop {
            let jobs = zbus::block_on(ends.during(self.proxy.list_jobs()))??;
            let jobs: Vec<Job> = jobs.into_iter().map(Job::from).collect();
            if let Some(value) = look(&jobs)? {
                return Ok(value);
            }
            zbus::block_on(async {
                ends.heard();
                match self.runtime.timeout(at_least, ends.hear_one()).await {
                    Ok(heard) => heard?,
                    Err(_) if ends.look_who_speaks().await? => {
                        ends.during(self.subscribe()).await??;
                    }
                    Err(_) => {}
                }
                self.runtime.sleep(COALESCE).await;
                anyhow::Ok(())
            })?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_by_its_signal_or_by_being_gone() {
        let mut jobs = Jobs {
            results: vec![None; 3],
            waiting: [("/1", 0), ("/2", 1), ("/3", 2)]
                .map(|(job, index)| (job.to_owned(), index))
                .into(),
        };
        let end = |job: &str, result: &str| (job.to_owned(), result.to_owned());
        jobs.take(vec![end("/9", "done"), end("/1", "failed")]);
        jobs.keep(&HashSet::from(["/3", "/7"]));
        assert_eq!(
            jobs.results,
            [Some("failed".to_owned()), Some(UNTOLD.to_owned()), None]
        );
        assert_eq!(jobs.waiting.into_keys().collect::<Vec<_>>(), ["/3"]);
    }
}
