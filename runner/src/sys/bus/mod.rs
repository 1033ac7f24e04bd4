//! systemd over D-Bus (org.freedesktop.systemd1(5)), with a time limit on everything: connections that nobody
//! accepts, calls that nobody answers, jobs that never end.

mod ends;
mod held;
mod jobs;
mod listed;
mod restarts;

use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures_lite::future;
use zbus::OwnedVariant;
use zbus::proxy::CacheProperties;
use zbus_systemd::systemd1::ManagerProxy;
use zruntime::SharedRuntime;

use crate::sys::fail_point;
pub use held::is_held;
pub use listed::{Job, Unit, unit_path};
pub use restarts::through_restarts;

/// systemd's name on the bus; only root may own it.
const SYSTEMD: &str = "org.freedesktop.systemd1";
/// To connect: the socket exists even where no dbus-daemon will ever accept.
const CONNECT_LIMIT: Duration = fail_point::limit(15, 2);
/// zbus's own default leads through /var/run, which is not there where /var is missing.
const ADDRESS: &str = "unix:path=/run/dbus/system_bus_socket";
/// For one call: PID 1 is blocked for 0.5 s by a daemon-reload, longer on a machine that swaps.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Calls that wait for their answers at the same time.
const AT_ONCE: usize = 32;

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
                    Some(SYSTEMD),
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

fn plain(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(text), _) => text.clone(),
        other => other.to_string(),
    }
}
