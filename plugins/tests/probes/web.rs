//! http, against a real server of HTTP and HTTPS.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::probe;

/// What the server says at a path.
fn answer(request: &str) -> String {
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (status, headers, body) = match path {
        "/" => (
            "200 OK",
            "Content-Type: text/html; charset=utf-8\r\n",
            "all is well\n".to_string(),
        ),
        "/empty" => ("204 No Content", "", String::new()),
        "/down" => ("503 Service Unavailable", "", "try later".to_string()),
        "/moved" => ("302 Found", "Location: /\r\n", String::new()),
        "/loop" => ("302 Found", "Location: /loop\r\n", String::new()),
        "/echo" => ("200 OK", "", request.to_string()),
        "/long" => ("200 OK", "", "x".repeat(1 << 20) + "behind the first MiB"),
        _ => ("404 Not Found", "", String::new()),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn serve(mut stream: impl Read + Write) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    // A client that has read enough, or does not like the certificate, may be gone.
    let _ = stream.write_all(answer(&String::from_utf8_lossy(&request)).as_bytes());
    let _ = stream.flush();
}

/// Serves each connection; gives the port. The thread ends with the test.
fn listen(handle: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(handle));
    port
}

fn http() -> String {
    format!("http://127.0.0.1:{}", listen(serve))
}

/// A server with a certificate of its own for 'localhost', and that certificate.
fn https() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let port = listen(move |stream| {
        serve(StreamOwned::new(
            ServerConnection::new(config.clone()).unwrap(),
            stream,
        ));
    });
    (format!("https://localhost:{port}/"), cert.pem())
}

#[test]
fn http_compares_the_status() {
    let server = http();
    let at = |path: &str| format!("{server}{path}");
    probe(&["http", &at("/")]).healthy(&[&at("/"), "status 2xx; found status 200"]);
    probe(&["http", &at("/empty"), "--status", "200,204"])
        .healthy(&["200 or 204; found status 204"]);
    probe(&["http", &at("/down"), "--status", "503"]).healthy(&["503"]);
    probe(&["http", &at("/down"), "--timeout", "0"]).unhealthy(&["status 2xx; found status 503"]);
    probe(&["http", &at("/nowhere"), "--timeout", "200ms"])
        .unhealthy(&["status 404 (waited 200ms)"]);
}

#[test]
fn http_follows_redirects_unless_one_is_expected() {
    let server = http();
    let (moved, around) = (format!("{server}/moved"), format!("{server}/loop"));
    probe(&["http", &moved, "--body", "all is well"]).healthy(&["status 200"]);
    probe(&["http", &moved, "--status", "302", "--header", "location: /"]).healthy(&["status 302"]);
    probe(&["http", &around, "--timeout", "0"]).unhealthy(&["redirect"]);
}

#[test]
fn http_looks_into_the_body_and_headers() {
    let server = http();
    let at = |path: &str| format!("{server}{path}");
    probe(&[
        "http",
        &at("/"),
        "--body",
        "is well",
        "--header",
        "content-type: text/html",
    ])
    .healthy(&["that body"]);
    probe(&["http", &at("/"), "--body", "ill", "--timeout", "0"])
        .unhealthy(&["'ill' in its body; found", "body 'all is well'"]);
    probe(&[
        "http",
        &at("/"),
        "--header",
        "X-Ready: yes",
        "--timeout",
        "0",
    ])
    .unhealthy(&["'X-Ready: yes'; found status 200 without header 'X-Ready'"]);
    probe(&[
        "http",
        &at("/"),
        "--header",
        "Content-Type: json",
        "--timeout",
        "0",
    ])
    .unhealthy(&["with header 'Content-Type: text/html; charset=utf-8'"]);
    probe(&[
        "http",
        &at("/echo"),
        "--request-header",
        "X-Question: 42",
        "--body",
        "42",
    ])
    .healthy(&[]);
    probe(&["http", &at("/long"), "--body", "xxx"]).healthy(&[]);
    probe(&["http", &at("/long"), "--body", "behind", "--timeout", "0"]).unhealthy(&["xxx…'"]);
}

#[test]
fn https_is_trusted_only_with_the_right_certificate() {
    let (server, certificate) = https();
    let directory = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        directory.path().join("right.pem"),
        directory.path().join("wrong.pem"),
    );
    fs::write(&right, certificate).unwrap();
    fs::write(&wrong, https().1).unwrap();
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    probe(&["http", &server, "--ca", right, "--body", "well"]).healthy(&["status 200"]);
    probe(&["http", &server, "--insecure"]).healthy(&["status 200"]);
    probe(&["http", &server, "--timeout", "0"]).unhealthy(&["certificate"]);
    probe(&["http", &server, "--timeout", "0", "--ca", wrong]).unhealthy(&["certificate"]);
    // The certificate is for another name.
    let by_address = server.replace("localhost", "127.0.0.1");
    probe(&["http", &by_address, "--timeout", "0", "--ca", right]).unhealthy(&["certificate"]);
}

#[test]
fn a_redirect_to_https_is_checked_as_https_is() {
    let (server, certificate) = https();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    fs::write(&ca, certificate).unwrap();
    let port = listen(move |mut stream| {
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap_or_default();
        assert!(length > 0);
        let answer =
            format!("HTTP/1.1 301 Moved\r\nLocation: {server}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let url = format!("http://127.0.0.1:{port}/");
    probe(&["http", &url, "--ca", ca.to_str().unwrap(), "--body", "well"]).healthy(&["status 200"]);
    probe(&["http", &url, "--timeout", "0"]).unhealthy(&["certificate"]);
    probe(&["http", &url, "--status", "3xx"]).healthy(&["status 301"]);
}

#[test]
fn a_file_of_certificates_must_have_some() {
    probe(&["http", "https://localhost/", "--ca", "/nonexistent.pem"])
        .usage(&["'/nonexistent.pem'", "cannot be read"]);
    probe(&["http", "https://localhost/", "--ca", "/etc/passwd"])
        .usage(&["no certificate in '/etc/passwd'"]);
}

#[test]
fn a_server_that_never_answers_costs_the_timeout_only() {
    let port = listen(|stream| {
        thread::spawn(move || {
            thread::sleep(std::time::Duration::from_secs(20));
            drop(stream);
        });
    });
    let url = format!("http://127.0.0.1:{port}/");
    probe(&["http", &url, "--timeout", "1s"])
        .unhealthy(&["no answer in time"])
        .took(0.8, 4.0);
}
