//! The fast way to ask systemd: PID 1 itself, over its private socket, which is for root.
//!
//! Who is on the other side must be PID 1 and root, as the kernel has it. All that is said there together keeps one
//! limit; what is not understood is an error, and what was not asked for is passed over.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::wire::{self, Parameter, Values, call};
use super::{Owner, PROPERTIES, Properties};
use crate::socket::{self, Limited, Peer};
use crate::text::is_glob;

const SOCKET: &str = "/run/systemd/private";
/// Who listens there.
const PID_1: Peer = Peer {
    user: 0,
    process: 1,
};
/// A greeting has 37 bytes.
const LONGEST_GREETING: u64 = 256;
/// Another socket, or none: for tests, which bring their own systemctl.
const SOCKET_VARIABLE: &str = "HEALTH_PROBE_SYSTEMD_SOCKET";
const MANAGER: &str = "/org/freedesktop/systemd1";
const NAME: &str = "org.freedesktop.systemd1";
const GET: (&str, &str) = ("org.freedesktop.DBus.Properties", "Get");
const LIST: (&str, &str) = ("org.freedesktop.systemd1.Manager", "ListUnitsByPatterns");
const TYPES: [&str; 11] = [
    "service",
    "mount",
    "socket",
    "target",
    "timer",
    "path",
    "slice",
    "scope",
    "swap",
    "automount",
    "device",
];

/// As [`super::show`]. An error means: ask another way.
pub fn show(units: &[&str], limit: Duration) -> io::Result<Vec<Properties>> {
    let mut systemd = Systemd::connect(limit)?;
    let mut found = Vec::new();
    for unit in units {
        if !is_glob(unit) {
            found.push(systemd.properties(&full_name(unit)?)?);
            continue;
        }
        for listed in systemd.list(&[], &[unit])? {
            if listed.is_shown() {
                found.push(systemd.properties(&listed.name)?);
            }
        }
    }
    Ok(found)
}

/// As [`super::failed`]. An error means: ask another way.
pub fn failed(limit: Duration) -> io::Result<Vec<String>> {
    let listed = Systemd::connect(limit)?.list(&["failed"], &[])?;
    Ok(listed.into_iter().map(|unit| unit.name).collect())
}

/// Waits until systemd says that something has changed, or the time is over. It tells everybody who is connected
/// here of every job that ends and every unit that changes.
pub fn wait_for_change(time: Duration) -> io::Result<()> {
    let systemd = Systemd::connect(time)?;
    if !systemd.stream.buffer().is_empty() {
        return Ok(());
    }
    let limited = systemd.stream.get_ref();
    let left = limited.left().unwrap_or_default();
    let left = Timespec::try_from(left).map_err(|_| ErrorKind::InvalidInput)?;
    let mut fds = [PollFd::new(limited.stream(), PollFlags::IN)];
    poll(&mut fds, Some(&left))?;
    Ok(())
}

/// A service, if no type is given; what else systemctl makes of a name (paths, odd characters) is left to it.
fn full_name(unit: &str) -> io::Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
    if unit.is_empty() || !unit.chars().all(is_plain) {
        return Err(ErrorKind::InvalidInput.into());
    }
    match unit.rsplit_once('.') {
        Some((_, kind)) if TYPES.contains(&kind) => Ok(unit.into()),
        _ => Ok(format!("{unit}.service")),
    }
}

/// `a.service` is `…/unit/a_2eservice`.
fn object_path(unit: &str) -> String {
    let mut path = format!("{MANAGER}/unit/");
    for (index, byte) in unit.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => path.push(byte.into()),
            b'0'..=b'9' if index > 0 => path.push(byte.into()),
            _ => path += &format!("_{byte:02x}"),
        }
    }
    path
}

fn interface(unit: &str, owner: Owner) -> Option<String> {
    let kind = match (owner, unit.rsplit_once('.')?.1) {
        (Owner::Unit, _) => "Unit",
        (Owner::Type | Owner::Service, "service") => "Service",
        (Owner::Type, "mount") => "Mount",
        (Owner::Type, "socket") => "Socket",
        (Owner::Type, "timer") => "Timer",
        (Owner::Type, "path") => "Path",
        (Owner::Type, "swap") => "Swap",
        (Owner::Type, "scope") => "Scope",
        (Owner::Type, "automount") => "Automount",
        _ => return None,
    };
    Some(format!("{NAME}.{kind}"))
}

struct Listed {
    name: String,
    active: String,
    following: String,
    job: u32,
}

impl Listed {
    /// What `systemctl list-units` shows without --all.
    fn is_shown(&self) -> bool {
        self.following.is_empty() && (self.active != "inactive" || self.job > 0)
    }
}

struct Systemd {
    stream: BufReader<Limited>,
    serial: u32,
}

impl Systemd {
    fn connect(limit: Duration) -> io::Result<Systemd> {
        let socket = std::env::var_os(SOCKET_VARIABLE).unwrap_or_else(|| SOCKET.into());
        Systemd::connect_to(&socket, limit)
    }

    fn connect_to(socket: &OsStr, limit: Duration) -> io::Result<Systemd> {
        let stream = socket::unix(socket, limit)?;
        match socket::peer(&stream)? == PID_1 {
            true => Systemd::greet(stream, limit),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    fn greet(stream: UnixStream, limit: Duration) -> io::Result<Systemd> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        let mut stream = BufReader::new(Limited::new(stream, limit));
        stream
            .get_mut()
            .write_all(format!("\0AUTH EXTERNAL {user}\r\nBEGIN\r\n").as_bytes())?;
        let mut line = String::new();
        stream
            .by_ref()
            .take(LONGEST_GREETING)
            .read_line(&mut line)?;
        match line.starts_with("OK ") {
            true => Ok(Systemd { stream, serial: 0 }),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    fn properties(&mut self, unit: &str) -> io::Result<Properties> {
        let path = object_path(unit);
        let mut calls = Vec::new();
        let mut asked = Vec::new();
        for (name, owner) in PROPERTIES {
            let Some(interface) = interface(unit, owner) else {
                continue;
            };
            self.serial += 1;
            asked.push((self.serial, name));
            let parameters = [Parameter::Text(&interface), Parameter::Text(name)];
            calls.extend(call(self.serial, &path, GET, &parameters));
        }
        // All questions at once: one wake-up of PID 1 for a unit.
        self.stream.get_mut().write_all(&calls)?;
        let mut properties = Properties::default();
        while !asked.is_empty() {
            let answer = wire::answer(&mut self.stream)?;
            let Some(index) = asked
                .iter()
                .position(|(serial, _)| *serial == answer.serial)
            else {
                continue;
            };
            let (_, name) = asked.swap_remove(index);
            if let Some(mut values) = answer.values {
                let value = values.variant().ok_or(ErrorKind::InvalidData)?;
                properties.0.insert(name.into(), value);
            }
        }
        match properties.get("LoadState") {
            "" => Err(ErrorKind::InvalidData.into()),
            _ => Ok(properties),
        }
    }

    fn list(&mut self, states: &[&str], patterns: &[&str]) -> io::Result<Vec<Listed>> {
        self.serial += 1;
        let parameters = [Parameter::List(states), Parameter::List(patterns)];
        let question = call(self.serial, MANAGER, LIST, &parameters);
        self.stream.get_mut().write_all(&question)?;
        let mut answer = wire::answer(&mut self.stream)?;
        while answer.serial != self.serial {
            answer = wire::answer(&mut self.stream)?;
        }
        answer
            .values
            .and_then(listed)
            .ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

/// `a(ssssssouso)`: name, description, load, active and sub state, following, path, job, its type and path.
fn listed(mut values: Values) -> Option<Vec<Listed>> {
    let end = values.array_end(8)?;
    let mut units = Vec::new();
    while values.position() < end {
        values.align(8)?;
        let name = values.text()?;
        let (_description, _load) = (values.text()?, values.text()?);
        let active = values.text()?;
        let _sub = values.text()?;
        let following = values.text()?;
        let _path = values.text()?;
        let job = values.number()?;
        let (_job_type, _job_path) = (values.text()?, values.text()?);
        units.push(Listed {
            name,
            active,
            following,
            job,
        });
    }
    Some(units)
}

#[cfg(test)]
#[path = "private_tests.rs"]
mod tests;
