//! tcp and dns.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use crate::harness::probe;

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
        .unhealthy(&["refused", "(waited 500ms)"])
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
