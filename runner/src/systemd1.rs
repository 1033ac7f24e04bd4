//! systemd over D-Bus (org.freedesktop.systemd1(5)), with a time limit on everything: connections that nobody
//! accepts, calls that nobody answers, jobs that never end.

mod listed;
mod restarts;

use std::collections::HashMap;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures_lite::{StreamExt, future};
use zbus::proxy::CacheProperties;
use zbus::{Message, MessageStream, OwnedVariant};
use zbus_systemd::systemd1::{JobRemoved, ManagerProxy};
use zruntime::SharedRuntime;

use crate::fail_point;
pub use listed::{Job, Unit, unit_path};
pub use restarts::through_restarts;

/// To connect: the socket exists even where no dbus-daemon will ever accept.
const CONNECT_LIMIT: Duration = fail_point::limit(15, 2);
/// zbus's own default leads through /var/run, which is not there where /var is missing.
const ADDRESS: &str = "unix:path=/run/dbus/system_bus_socket";
/// For one call: PID 1 is blocked for 0.5 s by a daemon-reload, longer on a machine that swaps.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// What Subscribe answers the second time.
const ALREADY_SUBSCRIBED: &str = "org.freedesktop.systemd1.AlreadySubscribed";
/// Calls that wait for their answers at the same time.
const AT_ONCE: usize = 32;
/// How often waiting is interrupted, so that the caller can renew its lease.
const TICK: Duration = Duration::from_secs(5);

/// What to do with units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Start them, with all that they require.
    Start,
    /// Stop and start them, with all that depends on them.
    Restart,
    /// Run checks again, whatever they did before. Nothing is pulled in and nothing is taken down with them:
    /// `ignore-requirements` keeps a restart from propagating to the health target that requires them.
    RunAgain,
}

/// Connection to the system's systemd.
#[derive(Debug)]
pub struct Manager {
    runtime: SharedRuntime,
    proxy: ManagerProxy<'static>,
}

impl Manager {
    /// Connects to the system bus.
    ///
    /// # Errors
    /// When there is no bus, or it does not answer in time.
    pub fn connect() -> Result<Self> {
        let runtime = SharedRuntime::current()?;
        let connect = async {
            let connection = zbus::connection::Builder::address(ADDRESS)
                .method_timeout(CALL_LIMIT)
                .build()
                .await?;
            ManagerProxy::builder(&connection)
                .cache_properties(CacheProperties::No)
                .build()
                .await
        };
        let proxy = zbus::block_on(runtime.timeout(CONNECT_LIMIT, connect))
            .map_err(|_| anyhow!("no answer in {} s", CONNECT_LIMIT.as_secs()))
            .and_then(|result| result.map_err(Into::into))
            .context(
                "the system bus cannot be reached; see 'systemctl status dbus.service dbus.socket'",
            )?;
        Ok(Self { runtime, proxy })
    }

    /// Units that are loaded and match one of the patterns (all if empty) and states (all if empty).
    ///
    /// # Errors
    /// From the bus.
    pub fn units(&self, states: &[&str], patterns: &[&str]) -> Result<Vec<Unit>> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let units = zbus::block_on(
            self.proxy
                .list_units_by_patterns(owned(states), owned(patterns)),
        )?;
        Ok(units.into_iter().map(Unit::from).collect())
    }

    /// The units with these names (an alias gives the unit that it stands for), loading them if need be.
    ///
    /// # Errors
    /// From the bus.
    pub fn units_by_names(&self, names: &[String]) -> Result<Vec<Unit>> {
        let units = zbus::block_on(self.proxy.list_units_by_names(names.to_vec()))?;
        Ok(units.into_iter().map(Unit::from).collect())
    }

    /// One property of one unit.
    ///
    /// # Errors
    /// From the bus, or when it has another type.
    pub fn property<T>(&self, path: &str, interface: &str, name: &str) -> Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        zbus::block_on(self.get(path, interface, name))
    }

    /// Properties of one type, of any units: asked for all at once, which takes not much longer than one.
    ///
    /// # Errors
    /// From the bus, or when one has another type.
    pub fn properties<T>(&self, wanted: &[(&str, &str, &str)]) -> Result<Vec<T>>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let mut values = Vec::with_capacity(wanted.len());
        for some in wanted.chunks(AT_ONCE) {
            let calls = some
                .iter()
                .map(|(path, interface, name)| self.get(path, interface, name));
            values.extend(zbus::block_on(all(calls)));
        }
        values.into_iter().collect()
    }

    async fn get<T>(&self, path: &str, interface: &str, name: &str) -> Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let get = async {
            let reply = self
                .proxy
                .inner()
                .connection()
                .call_method(
                    Some("org.freedesktop.systemd1"),
                    path,
                    Some("org.freedesktop.DBus.Properties"),
                    "Get",
                    &(format!("org.freedesktop.systemd1.{interface}"), name),
                )
                .await?;
            let value: OwnedVariant = reply.body().deserialize()?;
            T::try_from(value).map_err(Into::into)
        };
        get.await
            .with_context(|| format!("property '{name}' of '{path}'"))
    }

    /// Starts units, all at once, and waits until their jobs are done. Gives each unit's job result (`done`, `failed`, `timeout`, `dependency`, …) or why there was no job.
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
        let mut removed = self.ended_jobs().await?;
        let mut results: Vec<Option<String>> = vec![None; units.len()];
        let mut waiting: HashMap<String, usize> = HashMap::new();
        let mut early: HashMap<String, String> = HashMap::new();
        let mut hear = |signal: Message| {
            let (job, result) = ended_job(signal)?;
            early.insert(job, result);
            Ok(())
        };
        for (index, unit) in units.iter().enumerate() {
            let unit = unit.clone();
            let call = async {
                match verb {
                    Verb::Start => self.proxy.start_unit(unit, "replace".to_owned()).await,
                    Verb::Restart => self.proxy.restart_unit(unit, "replace".to_owned()).await,
                    Verb::RunAgain => {
                        let mode = "ignore-requirements".to_owned();
                        self.proxy.restart_unit(unit, mode).await
                    }
                }
            };
            match draining(&mut removed, &mut hear, call).await? {
                Ok(job) => {
                    waiting.insert(job.as_str().to_owned(), index);
                }
                Err(error) => results[index] = Some(plain(&error)),
            }
        }
        for (job, result) in early {
            if let Some(index) = waiting.remove(&job) {
                results[index] = Some(result);
            }
        }
        let deadline = Instant::now() + limit;
        while !waiting.is_empty() && Instant::now() < deadline {
            let wait = TICK.min(deadline.saturating_duration_since(Instant::now()));
            match self.runtime.timeout(wait, removed.next()).await {
                Err(_) => tick(),
                Ok(None) => bail!("the connection to the system bus was closed"),
                Ok(Some(signal)) => {
                    let (job, result) = ended_job(signal?)?;
                    if let Some(index) = waiting.remove(&job) {
                        results[index] = Some(result);
                    }
                }
            }
        }
        Ok(results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| "still running".to_owned()))
            .collect())
    }

    /// systemd sends signals only to those who ask, and refuses to be asked twice.
    async fn subscribe(&self) -> Result<()> {
        match self.proxy.subscribe().await {
            Err(zbus::Error::MethodError(name, _, _)) if name == ALREADY_SUBSCRIBED => Ok(()),
            answer => Ok(answer?),
        }
    }

    /// The signals that say how jobs ended. By its own rule: the generated proxy makes another call when the signals
    /// may already come, see [`draining`].
    async fn ended_jobs(&self) -> Result<MessageStream> {
        let rule = "type='signal',sender='org.freedesktop.systemd1',\
                    interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
        let connection = self.proxy.inner().connection();
        Ok(MessageStream::for_match_rule(rule, connection, None).await?)
    }

    /// Queues a unit and does not wait for it.
    ///
    /// # Errors
    /// When systemd refuses.
    pub fn queue(&self, unit: &str, mode: &str) -> Result<()> {
        zbus::block_on(self.proxy.start_unit(unit.to_owned(), mode.to_owned()))
            .map_err(|error| anyhow!("{}", plain(&error)))
            .with_context(|| format!("'{unit}' cannot be started"))?;
        Ok(())
    }

    /// Forgets that a unit failed.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn reset_failed(&self, unit: &str) -> Result<()> {
        zbus::block_on(self.proxy.reset_failed_unit(unit.to_owned()))
            .with_context(|| format!("the failure of '{unit}' cannot be reset"))
    }

    /// Lets systemd read all unit files again, and its generators run.
    ///
    /// # Errors
    /// When it does not.
    pub fn reload(&self) -> Result<()> {
        zbus::block_on(self.proxy.reload()).context("systemd does not read the unit files again")
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
        let mut removed = zbus::block_on(self.ended_jobs())?;
        zbus::block_on(draining(&mut removed, &mut |_| Ok(()), self.subscribe()))??;
        loop {
            let jobs = self.proxy.list_jobs();
            let jobs = zbus::block_on(draining(&mut removed, &mut |_| Ok(()), jobs))??;
            let jobs: Vec<Job> = jobs.into_iter().map(Job::from).collect();
            if let Some(value) = look(&jobs)? {
                return Ok(value);
            }
            zbus::block_on(async {
                let _ = self.runtime.timeout(at_least, removed.next()).await;
                self.runtime.sleep(COALESCE).await;
                while future::poll_once(removed.next()).await.flatten().is_some() {}
            });
        }
    }
}

/// Waits for the answer to a call, and takes signals meanwhile: when 64 of them wait to be taken, the connection reads
/// no answers any more.
async fn draining<T>(
    signals: &mut MessageStream,
    hear: &mut impl FnMut(Message) -> Result<()>,
    call: impl Future<Output = T>,
) -> Result<T> {
    let mut call = pin!(call);
    loop {
        let answered = async { Ok(call.as_mut().await) };
        let signalled = async { Err(signals.next().await) };
        match future::or(answered, signalled).await {
            Ok(answer) => return Ok(answer),
            Err(Some(signal)) => hear(signal?)?,
            Err(None) => bail!("the connection to the system bus was closed"),
        }
    }
}

/// The results of all, which go on side by side.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    future::poll_fn(|context| {
        for (future, result) in running.iter_mut().filter(|(_, result)| result.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *result = Some(value);
            }
        }
        match running.iter().all(|(_, result)| result.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    running
        .into_iter()
        .filter_map(|(_, result)| result)
        .collect()
}

/// The job, and how it ended.
fn ended_job(signal: Message) -> Result<(String, String)> {
    let signal = JobRemoved::from_message(signal).context("not a signal of the kind asked for")?;
    let args = signal.args()?;
    Ok((args.job().as_str().to_owned(), args.result().clone()))
}

fn plain(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(text), _) => text.clone(),
        other => other.to_string(),
    }
}
