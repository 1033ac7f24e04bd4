//! Places in the network as they are written, and names to addresses: by the system's resolver, within a time limit.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use crate::outcome::Limit;
use crate::span::Span;
use crate::text::reason;

/// All addresses of a name, each once. The error is to be read after "found".
///
/// getaddrinfo(3) knows no time limit: it gets a thread of its own, which is left behind if it does not answer.
pub fn addresses(name: &str, limit: Limit) -> Result<Vec<IpAddr>, String> {
    let limit = limit.left();
    let (sender, receiver) = mpsc::channel();
    let asked = name.to_owned();
    thread::Builder::new()
        .spawn(move || sender.send((asked.as_str(), 0).to_socket_addrs().map(Vec::from_iter)))
        .map_err(|error| format!("no thread to resolve '{name}' with: {}", reason(&error)))?;
    let found = match receiver.recv_timeout(limit) {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            // Rust puts "failed to lookup address information: " before what getaddrinfo says.
            let text = reason(&error);
            let reason = text.rsplit(": ").next().unwrap_or(&text);
            return Err(format!("'{name}' does not resolve: {reason}"));
        }
        Err(_) => return Err(format!("no answer for '{name}' within {}", Span(limit))),
    };
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    match addresses.is_empty() {
        true => Err(format!("'{name}' has no address")),
        false => Ok(addresses),
    }
}

/// The host and the port of `HOST:PORT`, an IPv6 address without its brackets; or what is wrong.
pub fn host_and_port(text: &str) -> Result<(&str, u16), &'static str> {
    let (host_text, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0);
    let port = port.ok_or("the port is no number from 1 to 65535")?;
    Ok((host(host_text)?, port))
}

/// The host, an IPv6 address without its brackets; or what is wrong.
pub fn host(text: &str) -> Result<&str, &'static str> {
    let (host, is_address) = match text.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inside)) => (inside, true),
        Some(None) => return Err("the closing bracket is missing"),
        None => (text, false),
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    if host.contains(':') != is_address {
        return Err(match is_address {
            true => "only an IPv6 address has brackets",
            false => "an IPv6 address needs brackets",
        });
    }
    match host.contains(|c: char| c.is_whitespace() || "[]/@".contains(c)) {
        true => Err("the host is neither a name nor an address"),
        false => Ok(host),
    }
}
