//! Signals that say how jobs ended, from systemd and from nobody else.
//!
//! Any user may send a signal to us, with any name and body: the bus keeps senders apart only where nobody is addressed
//! (D-Bus specification, "Match Rules"). What is not from systemd's own connection, or is no such signal, is ignored
//! and counted. It is never an error, and never an end.

use std::pin::pin;

use anyhow::{Context, Result, bail};
use futures_lite::{StreamExt, future};
use zbus::{Connection, Message, MessageStream};
use zbus_systemd::systemd1::{JobRemoved, ManagerProxy};

use super::SYSTEMD;

/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";

/// The signals, as long as it lives.
pub(super) struct JobEnds {
    connection: Connection,
    stream: MessageStream,
    /// The name of systemd's own connection, which the bus writes on each message. systemd has another one after
    /// `systemctl daemon-reexec`.
    systemd: String,
    /// Jobs and how they ended, not taken yet.
    heard: Vec<(String, String)>,
    /// Signals that were ignored.
    ignored: u64,
    /// Who sent the first of them.
    stranger: Option<String>,
}

impl JobEnds {
    /// Begins to listen. By its own rule: the generated proxy makes another call when the signals may already come, see
    /// [`JobEnds::during`].
    ///
    /// # Errors
    /// From the bus.
    pub(super) async fn listen(proxy: &ManagerProxy<'_>) -> Result<Self> {
        let rule = format!(
            "type='signal',sender='{SYSTEMD}',interface='{SYSTEMD}.Manager',member='JobRemoved'"
        );
        let connection = proxy.inner().connection().clone();
        // Before anything can wait in the queue.
        let systemd = owner(&connection).await?;
        let stream = MessageStream::for_match_rule(rule.as_str(), &connection, None).await?;
        Ok(Self {
            connection,
            stream,
            systemd,
            heard: Vec::new(),
            ignored: 0,
            stranger: None,
        })
    }

    /// The jobs that ended since this was asked before.
    pub(super) fn heard(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.heard)
    }

    /// Waits until one more job ends.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(super) async fn hear_one(&mut self) -> Result<()> {
        let before = self.heard.len();
        while self.heard.len() == before {
            let signal = self.stream.next().await;
            self.take(signal)?;
        }
        Ok(())
    }

    /// Waits for the answer to a call, and takes signals meanwhile: when 64 of them wait to be taken, the connection
    /// reads no answers any more.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(super) async fn during<T>(&mut self, call: impl Future<Output = T>) -> Result<T> {
        let mut call = pin!(call);
        loop {
            let answered = async { Ok(call.as_mut().await) };
            let signalled = async { Err(self.stream.next().await) };
            match future::or(answered, signalled).await {
                Ok(answer) => return Ok(answer),
                Err(signal) => self.take(signal)?,
            }
        }
    }

    /// Asks the bus which connection is systemd's. Whether it is another one than before.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(super) async fn look_who_speaks(&mut self) -> Result<bool> {
        let connection = self.connection.clone();
        match self.during(owner(&connection)).await? {
            Ok(systemd) if systemd != self.systemd => {
                // What came from there was no stranger's.
                self.stranger.take_if(|stranger| *stranger == systemd);
                self.systemd = systemd;
                Ok(true)
            }
            Ok(_) => Ok(false),
            // It is being executed again: it has no name for a moment.
            Err(error) => {
                log::debug!("{error:#}");
                Ok(false)
            }
        }
    }

    fn take(&mut self, signal: Option<zbus::Result<Message>>) -> Result<()> {
        let Some(signal) = signal else {
            bail!("the connection to the system bus was closed");
        };
        let signal = signal.context("the connection to the system bus broke")?;
        match self.understand(&signal) {
            Some(end) => self.heard.push(end),
            None => {
                self.ignored += 1;
                self.stranger.get_or_insert_with(|| sender(&signal));
            }
        }
        Ok(())
    }

    /// The job, and how it ended.
    fn understand(&self, signal: &Message) -> Option<(String, String)> {
        if sender(signal) != self.systemd {
            return None;
        }
        let signal = JobRemoved::from_message(signal.clone())?;
        let args = signal.args().ok()?;
        Some((args.job().as_str().to_owned(), args.result().clone()))
    }
}

impl Drop for JobEnds {
    fn drop(&mut self) {
        if let Some(stranger) = &self.stranger {
            log::warn!(
                "ignored {} signals on the system bus that look like systemd's and are not, the first from '{stranger}'; \
                 see 'busctl status {stranger}'",
                self.ignored
            );
        }
    }
}

fn sender(message: &Message) -> String {
    let header = message.header();
    header
        .sender()
        .map(|name| name.as_str().to_owned())
        .unwrap_or_default()
}

/// The name of systemd's own connection.
async fn owner(connection: &Connection) -> Result<String> {
    let path = "/org/freedesktop/DBus";
    let call = connection.call_method(Some(BUS), path, Some(BUS), "GetNameOwner", &SYSTEMD);
    let reply = call.await.context("systemd is not on the system bus")?;
    Ok(reply.body().deserialize()?)
}
