//! tcp and dns.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use crate::harness::{Ran, probe, users};

/// A port of 127.0.0.1 where nothing listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn tcp_finds_a_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    probe(&["tcp", &address])
        .healthy(&[&format!("'{address}'"), "connected"])
        .took(0.0, 1.0);
    let by_name = format!("localhost:{}", listener.local_addr().unwrap().port());
    probe(&["tcp", &by_name]).healthy(&[&by_name, "127.0.0.1"]);
}

#[test]
fn tcp_knows_ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("no IPv6 on this machine: only the refusal is tried");
        probe(&["tcp", "[::1]:1", "--timeout", "0"]).unhealthy(&["'[::1]:1'"]);
        return;
    };
    let address = listener.local_addr().unwrap().to_string();
    probe(&["tcp", &address]).healthy(&[&address]);
}

#[test]
fn tcp_waits_for_a_listener_that_comes_later() {
    let port = free_port();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener
            .accept()
            .map(|(stream, _): (TcpStream, _)| drop(stream))
            .unwrap();
    });
    let address = format!("127.0.0.1:{port}");
    probe(&["tcp", &address, "--timeout", "20s"])
        .healthy(&["connected"])
        .took(0.9, 6.0);
    late.join().unwrap();
}

#[test]
fn tcp_says_who_refused() {
    let address = format!("127.0.0.1:{}", free_port());
    probe(&["tcp", &address, "--timeout", "0"])
        .unhealthy(&[&address, "to accept connections; found", "refused"])
        .took(0.0, 1.0);
    probe(&["tcp", &address, "--timeout", "500ms"])
        .unhealthy(&["found 127.0.0.1:", ": Connection refused (waited "])
        .took(0.3, 3.0);
}

#[test]
fn tcp_knows_sockets_in_the_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let address = format!("unix:{}", path.display());
    probe(&["tcp", &address, "--timeout", "0"]).unhealthy(&[&address, "No such file"]);
    let _listener = UnixListener::bind(&path).unwrap();
    probe(&["tcp", &address]).healthy(&[&address, "connected"]);
}

#[test]
fn tcp_knows_whose_a_listener_is() {
    let (own, other) = users();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener_of(&address, &own)
        .healthy(&[&format!("at a socket of user '{own}'; found {address}")]);
    listener_of(&address, &other).unhealthy(&[&format!(
        "{address} listened at by user '{own}', not '{other}'"
    )]);
    listener_of(&address, "no-such-user").unhealthy(&["no user 'no-such-user' on this machine"]);
    let everywhere = format!("0.0.0.0:{}", listener.local_addr().unwrap().port());
    listener_of(&everywhere, &own).healthy(&[]);
    let mapped = format!(
        "[::ffff:127.0.0.1]:{}",
        listener.local_addr().unwrap().port()
    );
    listener_of(&mapped, &own).healthy(&[]);
    let by_name = format!("localhost:{}", listener.local_addr().unwrap().port());
    listener_of(&by_name, &own).healthy(&["127.0.0.1"]);
    drop(listener);
    listener_of(&address, &own).unhealthy(&["nobody listens there"]);
    // RFC 5737: nobody's address. Without a network there is not even a way to it.
    let ran = listener_of("192.0.2.1:80", &own);
    assert!(
        ran.stderr.contains("is no address of this machine") || ran.stderr.contains("unreachable"),
        "{ran:?}"
    );
    listener_of(&address, "a b").usage(&["'a b'", "'root'"]);
}

#[test]
#[ignore = "needs root: gives a socket away"]
fn tcp_knows_a_listener_of_another_user() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // As a socket that another one has made: that is what the kernel keeps of it.
    std::os::unix::fs::fchown(&listener, Some(65534), None).unwrap();
    listener_of(&address, "65534").healthy(&[]);
    listener_of(&address, "root").unhealthy(&["listened at by user '65534', not 'root'"]);
}

/// Whether the user, by name or number, listens there.
fn listener_of(address: &str, user: &str) -> Ran {
    probe(&["tcp", address, "--listener-user", user, "--timeout", "0"])
}

#[test]
fn tcp_knows_whose_a_socket_in_the_file_system_is() {
    let (own, other) = users();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let address = format!("unix:{}", path.display());
    let _listener = UnixListener::bind(&path).unwrap();
    probe(&["tcp", &address, "--listener-user", &own]).healthy(&["connected"]);
    probe(&["tcp", &address, "--listener-user", &other, "--timeout", "0"])
        .unhealthy(&[&format!("by user '{own}', not '{other}'")]);
}

#[test]
fn what_turns_text_around_is_not_repeated() {
    let name = "a\u{202e}moc.live\u{2028}b\u{2066}.invalid";
    probe(&["dns", name, "--timeout", "0"]).unhealthy(&["'a moc.live b .invalid'"]);
    let ran = probe(&["tcp", "a\u{202e}b\x1b[31m"]).usage(&["'a b", "the port is missing"]);
    assert!(!ran.stderr.contains(['\u{202e}', '\x1b']), "{ran:?}");
}

#[test]
fn dns_resolves_what_the_system_resolves() {
    probe(&["dns", "localhost"]).healthy(&["'localhost' to resolve", "1"]);
    probe(&["dns", "localhost", "--address", "127.0.0.1"]).healthy(&["127.0.0.1"]);
    probe(&[
        "dns",
        "localhost",
        "--address",
        "192.0.2.1",
        "--timeout",
        "0",
    ])
    .unhealthy(&["to 192.0.2.1; found", "1"]);
    // RFC 6761: this one never resolves, with or without a network.
    probe(&["dns", "nothing.invalid", "--timeout", "0"])
        .unhealthy(&["'nothing.invalid'"])
        .took(0.0, 7.5);
}
