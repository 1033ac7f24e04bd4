//! Names to addresses, by the system's resolver, within a time limit.

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
