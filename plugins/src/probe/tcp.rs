//! `health-probe tcp`: something accepts connections at an address.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::text::reason;
use crate::user::User;
use crate::{listener, resolve, socket};

/// What a time limit is at least: zero would be refused.
const SHORTEST: Duration = Duration::from_millis(1);

/// Something accepts TCP connections at HOST:PORT (they are closed at once).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe tcp localhost:22\n  health-probe tcp '[::1]:443' --timeout 1min\n  health-probe tcp localhost:8080 --listener-user root\n  health-probe tcp unix:/run/docker.sock"
)]
pub struct Tcp {
    /// HOST:PORT, with an IPv6 address in brackets, or unix:/PATH for a socket in the file system
    #[arg(value_parser = parse)]
    pub address: Address,
    /// Who must have made the socket that listens: a name or number (addresses of this machine only)
    #[arg(long, value_name = "USER", value_parser = User::parse)]
    pub listener_user: Option<User>,
}

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or address, and a port.
    Tcp(String, u16),
    /// The path of a socket.
    Unix(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

fn parse(text: &str) -> Result<Address, String> {
    let wrong = |what: &str| {
        Err(format!(
            "{what}: write HOST:PORT, '[::1]:80' for IPv6, or 'unix:/run/x.sock'"
        ))
    };
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.starts_with('/') {
            true => Ok(Address::Unix(path.into())),
            false => wrong("the path of the socket is not absolute"),
        };
    }
    match resolve::host_and_port(text) {
        Ok((host, port)) => Ok(Address::Tcp(host.into(), port)),
        Err(error) => wrong(error),
    }
}

impl Probe for Tcp {
    fn expected(&self) -> String {
        let user = match &self.listener_user {
            Some(user) => format!(" at a socket of user '{user}'"),
            None => String::new(),
        };
        format!("'{}' to accept connections{user}", self.address)
    }

    fn keeps_limit(&self) -> bool {
        true
    }

    fn look(&self, limit: Limit) -> Look {
        match &self.address {
            Address::Tcp(host, port) => self.tcp(host, *port, limit),
            Address::Unix(path) => self.unix(path, limit).map_err(Problem::not_yet),
        }
    }
}

impl Tcp {
    fn tcp(&self, host: &str, port: u16, limit: Limit) -> Look {
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => resolve::addresses(host, limit).map_err(Problem::not_yet)?,
        };
        let mut problems = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            // What is left is shared among the addresses still to try, so that a silent one does not hide a good one.
            let share = limit.left() / (addresses.len() - index) as u32;
            let address = SocketAddr::new(*address, port);
            match self.connect(address, share.max(SHORTEST)) {
                Ok(()) => return Ok(format!("{address} connected")),
                Err(problem) => problems.push(problem),
            }
        }
        Err(Problem::not_yet(problems.join(", ")))
    }

    /// Whose the listener is, is asked before and after: in between it must not have become another one.
    fn connect(&self, address: SocketAddr, limit: Duration) -> Result<(), String> {
        let check = |user| listener::check(address, user);
        let user = self.listener_user.as_ref();
        user.map_or(Ok(()), check)?;
        TcpStream::connect_timeout(&address, limit)
            .map_err(|error| format!("{address}: {}", reason(&error)))?;
        user.map_or(Ok(()), check)
    }

    fn unix(&self, path: &str, limit: Limit) -> Result<String, String> {
        let connected = socket::unix(path, limit.left()).map_err(|error| reason(&error))?;
        let Some(user) = &self.listener_user else {
            return Ok("it connected".into());
        };
        let peer = socket::peer(&connected)
            .map_err(|error| format!("no word of the kernel who listens: {}", reason(&error)))?;
        match peer.user == user.id()? {
            true => Ok("it connected".into()),
            false => Err(format!(
                "it listened at by user '{}', not '{user}'",
                peer.user
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, host, port) in [
            ("localhost:22", "localhost", 22),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:65535", "::1", 65535),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address, Address::Tcp(host.into(), port));
            assert_eq!(address.to_string(), text);
        }
        assert_eq!(parse("unix:/run/x"), Ok(Address::Unix("/run/x".into())));
    }

    #[test]
    fn wrong_addresses_are_refused_with_the_right_form() {
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            ":22",
            "[]:22",
            "localhost:0",
            "localhost:65536",
            "localhost:ssh",
            "::1:22",
            "[::1:22",
            "unix:",
            "unix:run/x",
            "[::1]",
            "host:-1",
        ] {
            assert!(parse(text).expect_err(text).contains("HOST:PORT"), "{text}");
        }
    }
}
