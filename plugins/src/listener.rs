//! Whose a listener is: the user who made the socket, as the kernel has it in /proc/net/tcp (proc_pid_net(5)).

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::text::{list, reason};
use crate::user::User;

const TCP: &str = "/proc/net/tcp";
const TCP6: &str = "/proc/net/tcp6";
/// State LISTEN.
const LISTEN: &str = "0A";

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    at: IpAddr,
    port: u16,
    user: u32,
}

/// Whether a connection to this address of this machine would come to a socket of that user, as it is now.
/// The error is to be read after "found".
pub fn check(address: SocketAddr, user: &User) -> Result<(), String> {
    let id = user.id()?;
    if !is_local(address).map_err(|error| format!("{address}: {}", reason(&error)))? {
        return Err(format!(
            "{address} is no address of this machine: its kernel cannot tell who listens there"
        ));
    }
    let mut listeners = Vec::new();
    for file in [TCP, TCP6] {
        let read = read(file, address.port(), &mut listeners);
        read.map_err(|error| format!("'{file}' cannot be read: {}", reason(&error)))?;
    }
    let users = users(&listeners, address.ip());
    if users.is_empty() {
        return Err(format!("{address}: nobody listens there"));
    }
    let others: Vec<String> = users
        .iter()
        .filter(|user| **user != id)
        .map(u32::to_string)
        .collect();
    match others.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{address} listened at by user {}, not '{user}'",
            list(&others)
        )),
    }
}

/// Asks the routing table, by a datagram socket, which sends nothing to connect: only from an address of this machine
/// to itself the kernel takes the same address for both ends, or a loopback one.
fn is_local(address: SocketAddr) -> io::Result<bool> {
    let to = SocketAddr::new(reached(address.ip()), address.port());
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // The scope of a link-local address counts.
    match address.ip() == to.ip() {
        true => socket.connect(address)?,
        false => socket.connect(to)?,
    }
    let from = socket.local_addr()?.ip();
    Ok(from == to.ip() || from.is_loopback())
}

/// Where a connection to this address goes: to the loopback address if it is to none in particular, by IPv4 if it is
/// an IPv4 address in IPv6's notation.
fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// The users of those sockets that a connection could come to. As in the kernel, one that is bound to the address
/// comes before one for all addresses, and there, for IPv4, one of IPv4 before one of both.
fn users(listeners: &[Listener], address: IpAddr) -> Vec<u32> {
    let address = reached(address);
    let ranks: &[IpAddr] = match address {
        IpAddr::V4(_) => &[
            address,
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv6Addr::UNSPECIFIED.into(),
        ],
        IpAddr::V6(_) => &[address, Ipv6Addr::UNSPECIFIED.into()],
    };
    let of = |at: &IpAddr| {
        let there = listeners.iter().filter(|listener| listener.at == *at);
        let mut users: Vec<u32> = there.map(|listener| listener.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    };
    let mut found = ranks.iter().map(of).filter(|users| !users.is_empty());
    found.next().unwrap_or_default()
}

/// Adds those of a file that listen at the port. Without IPv6 in the kernel there is no file of it.
///
/// Listening sockets come first (the kernel's proc_net_tcp.rst). What follows is not read: any user can have as many
/// connections as make that take long.
fn read(file: &str, port: u16, listeners: &mut Vec<Listener>) -> io::Result<()> {
    let file = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    for line in BufReader::new(file).lines().skip(1) {
        match listener(&line?) {
            Some(listener) if listener.port == port => listeners.push(listener),
            Some(_) => {}
            None => break,
        }
    }
    Ok(())
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 …`
fn listener(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().take(8).collect();
    let [_, local, _, LISTEN, _, _, _, user] = fields.as_slice() else {
        return None;
    };
    let (address, port) = local.split_once(':')?;
    Some(Listener {
        at: self::address(address)?.to_canonical(),
        port: u16::from_str_radix(port, 16).ok()?,
        user: user.parse().ok()?,
    })
}

/// Words of four bytes, each printed as a number of this machine.
fn address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for index in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(index..index + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.as_slice() {
        four if four.len() == 4 => <[u8; 4]>::try_from(four).ok().map(IpAddr::from),
        all => <[u8; 16]>::try_from(all).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = |local: &str, state: &str| {
            listener(&format!(
                "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 7 1 0 100"
            ))
        };
        if cfg!(target_endian = "little") {
            for (local, at) in [
                ("0100007F:1F90", "127.0.0.1"),
                ("00000000000000000000000001000000:1F90", "::1"),
                ("0000000000000000FFFF00000100007F:1F90", "127.0.0.1"),
            ] {
                let (at, port, user) = (ip(at), 8080, 1000);
                assert_eq!(
                    line(local, "0A"),
                    Some(Listener { at, port, user }),
                    "{local}"
                );
            }
        }
        assert_eq!(line("0100007F:1F90", "01"), None);
        for odd in [
            "",
            "01",
            "0100007F",
            "x:1",
            "0100007F:1F901",
            "0100007F01:1",
            "ä000007F:1",
        ] {
            assert_eq!(line(odd, "0A"), None, "{odd}");
        }
        assert_eq!(listener(""), None);
        assert_eq!(
            listener(
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
            ),
            None
        );
    }

    #[test]
    fn connections_are_not_read() {
        let line = |port: u16, state: &str| {
            format!("0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 0:0 0 1000 0 7")
        };
        let lines = [line(1, "0A"), line(2, "0A"), line(1, "01"), line(1, "0A")];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            format!("  sl  local_address\n{}\n", lines.join("\n")),
        )
        .unwrap();
        let mut found = Vec::new();
        read(file.path().to_str().unwrap(), 1, &mut found).unwrap();
        assert_eq!(found.len(), 1);
        read("/nonexistent", 1, &mut found).unwrap();
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn the_socket_that_a_connection_comes_to_decides() {
        for (listeners, address, expected) in [
            (&[("127.0.0.1", 1)][..], "127.0.0.1", &[1][..]),
            (&[("127.0.0.1", 1)], "::ffff:127.0.0.1", &[1]),
            (&[("127.0.0.1", 1)], "0.0.0.0", &[1]),
            (&[("127.0.0.1", 1)], "127.0.0.2", &[]),
            (&[("127.0.0.1", 1)], "::1", &[]),
            (&[("0.0.0.0", 1)], "127.0.0.1", &[1]),
            (&[("0.0.0.0", 1)], "::1", &[]),
            (&[("::", 1)], "::1", &[1]),
            (&[("::1", 1)], "::", &[1]),
            (&[("::", 1)], "127.0.0.1", &[1]),
            // One for IPv6 only beside one for IPv4: who has the one must not count for the other.
            (&[("0.0.0.0", 1), ("::", 2)], "127.0.0.1", &[1]),
            (&[("0.0.0.0", 1), ("::", 2)], "::1", &[2]),
            // The address itself before all of them.
            (&[("0.0.0.0", 1), ("127.0.0.1", 2)], "127.0.0.1", &[2]),
            // Several share a port, or one is bound to a device: any of them may be it.
            (
                &[("0.0.0.0", 1), ("0.0.0.0", 1), ("0.0.0.0", 2)],
                "127.0.0.1",
                &[1, 2],
            ),
        ] {
            let listeners: Vec<Listener> = listeners
                .iter()
                .map(|(at, user)| Listener {
                    at: ip(at),
                    port: 1,
                    user: *user,
                })
                .collect();
            assert_eq!(
                users(&listeners, ip(address)),
                expected,
                "{listeners:?} {address}"
            );
        }
    }

    #[test]
    fn the_listeners_of_this_process_are_its_users() {
        let own = rustix::process::geteuid().as_raw();
        let (own, other) = (own.to_string(), (own + 1).to_string());
        let [own, other] = [own, other].map(|user| User::parse(&user).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(check(address, &own), Ok(()));
        let text = check(address, &other).unwrap_err();
        assert!(
            text.contains("listened at by user") && text.contains(&other.to_string()),
            "{text}"
        );
        drop(listener);
        assert!(check(address, &own).unwrap_err().contains("nobody listens"));
    }

    #[test]
    fn of_another_machine_the_kernel_cannot_tell() {
        // RFC 5737: these are nobody's.
        let text = check(
            "192.0.2.1:80".parse().unwrap(),
            &User::parse("root").unwrap(),
        )
        .unwrap_err();
        // Without any network there is not even a way to it.
        assert!(
            text.contains("no address of this machine") || text.contains("unreachable"),
            "{text}"
        );
        for local in [
            "127.0.0.1:1",
            "127.0.0.2:1",
            "0.0.0.0:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_local(local.parse().unwrap()).unwrap(), "{local}");
        }
    }
}
