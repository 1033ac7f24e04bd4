//! The fast way to ask systemd: PID 1 itself, over its private socket, which is for root.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::wire::{Parameter, Values, answer, call};
use super::{Owner, PROPERTIES, Properties};
use crate::socket;
use crate::text::is_glob;

const SOCKET: &str = "/run/systemd/private";
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
    let time = Timespec::try_from(time).map_err(|_| ErrorKind::InvalidInput)?;
    let stream = systemd.stream.get_ref();
    poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&time))?;
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
    stream: BufReader<UnixStream>,
    serial: u32,
}

impl Systemd {
    fn connect(limit: Duration) -> io::Result<Systemd> {
        let socket = std::env::var_os(SOCKET_VARIABLE).unwrap_or_else(|| SOCKET.into());
        Systemd::greet(socket::unix(socket, limit)?)
    }

    fn greet(stream: UnixStream) -> io::Result<Systemd> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        let mut stream = BufReader::new(stream);
        stream
            .get_ref()
            .write_all(format!("\0AUTH EXTERNAL {user}\r\nBEGIN\r\n").as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
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
        self.stream.get_ref().write_all(&calls)?;
        let mut properties = Properties::default();
        for _ in 0..asked.len() {
            let answer = answer(&mut self.stream)?;
            let name = asked.iter().find(|(serial, _)| *serial == answer.serial);
            if let (Some((_, name)), Some(mut values)) = (name, answer.values) {
                let value = values.variant().ok_or(ErrorKind::InvalidData)?;
                properties.0.insert((*name).into(), value);
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
        self.stream.get_ref().write_all(&question)?;
        let answer = answer(&mut self.stream)?;
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
mod tests {
    use super::*;

    #[test]
    fn names_become_objects() {
        assert_eq!(
            object_path("a-1.service"),
            "/org/freedesktop/systemd1/unit/a_2d1_2eservice"
        );
        assert_eq!(
            object_path("9.mount"),
            "/org/freedesktop/systemd1/unit/_39_2emount"
        );
        assert_eq!(full_name("sshd").unwrap(), "sshd.service");
        assert_eq!(full_name("a.b").unwrap(), "a.b.service");
        assert_eq!(full_name("-.mount").unwrap(), "-.mount");
        for odd in ["", "/var", "a b", "ä", "a\nb"] {
            assert!(full_name(odd).is_err());
        }
    }

    #[test]
    fn whoever_does_not_speak_dbus_is_left_alone() {
        for greeting in ["", "REJECTED\r\n", "OK 1234\r\n"] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            (&theirs).write_all(greeting.as_bytes()).unwrap();
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let systemd = Systemd::greet(ours);
            assert_eq!(systemd.is_ok(), greeting.starts_with("OK"));
            if let Ok(mut systemd) = systemd {
                assert!(systemd.properties("a.service").is_err());
            }
        }
        let (ours, _silent) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        assert!(Systemd::greet(ours).is_err());
    }
}
