//! `health-probe tcp`: something accepts connections at an address.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Args;

use crate::outcome::{Look, Probe, Problem};
use crate::{resolve, socket};

/// Something accepts TCP connections at HOST:PORT (they are closed at once).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe tcp localhost:22\n  health-probe tcp '[::1]:443' --timeout 1min\n  health-probe tcp unix:/run/docker.sock"
)]
pub struct Tcp {
    /// HOST:PORT, with an IPv6 address in brackets, or unix:/PATH for a socket in the file system
    #[arg(value_parser = parse)]
    pub address: Address,
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
    let Some((host, port)) = text.rsplit_once(':') else {
        return wrong("the port is missing");
    };
    let port = match port.parse() {
        Ok(port) if port > 0 => port,
        _ => return wrong("the port is no number from 1 to 65535"),
    };
    let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inside)) => inside,
        Some(None) => return wrong("the closing bracket is missing"),
        None if host.contains(':') => return wrong("an IPv6 address needs brackets"),
        None => host,
    };
    match host {
        "" => wrong("the host is missing"),
        _ => Ok(Address::Tcp(host.into(), port)),
    }
}

impl Probe for Tcp {
    fn expected(&self) -> String {
        format!("'{}' to accept connections", self.address)
    }

    fn keeps_limit(&self) -> bool {
        true
    }

    fn look(&self, limit: Duration) -> Look {
        match &self.address {
            Address::Tcp(host, port) => tcp(host, *port, limit),
            Address::Unix(path) => match socket::unix(path, limit) {
                Ok(_) => Ok("it connected".into()),
                Err(error) => Err(Problem::not_yet(error.to_string())),
            },
        }
    }
}

fn tcp(host: &str, port: u16, limit: Duration) -> Look {
    let end = Instant::now() + limit;
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolve::addresses(host, limit).map_err(Problem::not_yet)?,
    };
    let mut problems = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // What is left is shared among the addresses still to try, so that a silent one does not hide a good one.
        let share =
            end.saturating_duration_since(Instant::now()) / (addresses.len() - index) as u32;
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, share.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(format!("{address} connected")),
            Err(error) => problems.push(format!("{address}: {error}")),
        }
    }
    Err(Problem::not_yet(problems.join(", ")))
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
