//! http, against a real server of HTTP and HTTPS.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::{probe, users};

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
        "/1" | "/2" | "/3" | "/4" | "/5" | "/6" => {
            let next = path.trim_start_matches('/').parse::<u32>().unwrap() - 1;
            let headers = format!("Location: {next}\r\n");
            return response("302 Found", &headers, "");
        }
        path if path.starts_with("/to?") => {
            let headers = format!("Location: {}\r\n", &path["/to?".len()..]);
            return response("307 Temporary Redirect", &headers, "");
        }
        "/0" => ("200 OK", "", "counted".to_string()),
        "/loop" => ("302 Found", "Location: /loop\r\n", String::new()),
        "/echo" => ("200 OK", "", request.to_string()),
        "/long" => ("200 OK", "", "x".repeat(1 << 20) + "behind the first MiB"),
        _ => ("404 Not Found", "", String::new()),
    };
    response(status, headers, &body)
}

fn response(status: &str, headers: &str, body: &str) -> String {
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
    probe(&["http", &at("/nowhere"), "--timeout", "200ms"]).unhealthy(&["status 404 (waited "]);
}

#[test]
fn http_follows_redirects_unless_one_is_expected() {
    let server = http();
    let (moved, around) = (format!("{server}/moved"), format!("{server}/loop"));
    probe(&["http", &moved, "--body", "all is well"]).healthy(&["status 200"]);
    probe(&["http", &moved, "--status", "302", "--header", "location: /"]).healthy(&["status 302"]);
    probe(&["http", &around, "--timeout", "0"]).unhealthy(&["more than 5 redirects"]);
    probe(&["http", &format!("{server}/5"), "--body", "counted"]).healthy(&["status 200"]);
    probe(&["http", &format!("{server}/6"), "--timeout", "0"])
        .unhealthy(&["more than 5 redirects"]);
    probe(&["http", &format!("{server}/to?ftp://x/"), "--timeout", "0"])
        .unhealthy(&["a redirect to 'ftp://x/': only http and https"]);
}

#[test]
fn request_headers_stay_with_the_server_that_they_are_for() {
    let (server, other, (secure, _)) = (http(), http(), https());
    let ask = |path: &str| {
        let url = format!("{server}{path}");
        let secret = ["--request-header", "X-Api-Key: geheim", "--body", "geheim"];
        probe(&[&["http", &url, "--insecure", "--timeout", "0"], &secret[..]].concat())
    };
    ask("/echo").healthy(&[]);
    // The same server, by all its names.
    ask("/to?/echo").healthy(&[]);
    ask("/to?echo").healthy(&[]);
    ask(&format!("/to?{server}/echo")).healthy(&[]);
    ask(&format!("/to?{}/echo", server.trim_start_matches("http:"))).healthy(&[]);
    // Another port, another scheme, another name are other servers.
    ask(&format!("/to?{other}/echo")).unhealthy(&["status 200 with body 'GET /echo"]);
    ask(&format!("/to?{secure}echo")).unhealthy(&["status 200 with body 'GET /echo"]);
    let by_name = server.replace("127.0.0.1", "localhost");
    ask(&format!("/to?{by_name}/echo")).unhealthy(&["status 200 with body 'GET /echo"]);
    // And what another one sends back does not bring them along either.
    ask(&format!("/to?{other}/to?{server}/echo")).unhealthy(&["status 200 with body 'GET /echo"]);
}

#[test]
fn a_slow_first_answer_is_no_reason_to_give_up() {
    let asked = AtomicU32::new(0);
    let port = listen(move |mut stream| {
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap_or_default() > 0);
        let answer = match asked.fetch_add(1, Ordering::SeqCst) {
            0 => {
                thread::sleep(Duration::from_millis(1500));
                response("503 Starting", "", "")
            }
            _ => response("200 OK", "", ""),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let url = format!("http://127.0.0.1:{port}/");
    probe(&["http", &url, "--timeout", "4s"])
        .healthy(&["status 200"])
        .took(1.4, 4.0);
}

#[test]
fn a_redirect_has_no_time_of_its_own() {
    let port = listen(|mut stream| {
        thread::spawn(move || {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap_or_default();
            let is_first = request[..length].starts_with(b"GET / ");
            thread::sleep(Duration::from_millis(if is_first { 1500 } else { 20_000 }));
            let _ = stream.write_all(response("302 Found", "Location: /next\r\n", "").as_bytes());
        });
    });
    let url = format!("http://127.0.0.1:{port}/");
    probe(&["http", &url, "--timeout", "2s"])
        .unhealthy(&["no answer in time (waited 2"])
        .took(1.9, 3.2);
}

#[test]
fn http_knows_whose_the_server_is() {
    let (own, other) = users();
    let server = http();
    let ask = |server: &str, path: &str, user: &str| {
        let url = format!("{server}{path}");
        probe(&["http", &url, "--listener-user", user, "--timeout", "0"])
    };
    ask(&server, "/", &own).healthy(&["from a socket of user", "found status 200"]);
    ask(&server, "/moved", &own).healthy(&["found status 200"]);
    ask(&server, "/", &other).unhealthy(&[&format!("listened at by user '{own}', not '{other}'")]);
    ask(&server, "/", "no-such-user").unhealthy(&["no user 'no-such-user'"]);
    let by_name = server.replace("127.0.0.1", "localhost");
    ask(&by_name, "/", &own).healthy(&["found status 200"]);
    ask(&by_name, "/", &other).unhealthy(&["listened at by user"]);
    // What it redirects to as well: RFC 5737, nobody's address.
    let ran = ask(&server, "/to?http://192.0.2.1/", &own);
    assert!(
        ran.stderr.contains("is no address of this machine") || ran.stderr.contains("unreachable"),
        "{ran:?}"
    );
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
            thread::sleep(Duration::from_secs(20));
            drop(stream);
        });
    });
    let url = format!("http://127.0.0.1:{port}/");
    probe(&["http", &url, "--timeout", "1s"])
        .unhealthy(&["no answer in time"])
        .took(0.8, 4.0);
}
