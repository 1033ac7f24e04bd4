//! A small web server for test machines: HTTP on port 80, HTTPS on port 443 with a certificate that it makes itself
//! and writes to the file of its only argument. Tells systemd when it is ready.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: web FILE")?;
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(&path, cert.pem()).with_context(|| format!("cannot write '{path}'"))?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    let config = Arc::new(config);
    let plain = TcpListener::bind("127.0.0.1:80").context("cannot listen on port 80")?;
    let encrypted = TcpListener::bind("127.0.0.1:443").context("cannot listen on port 443")?;
    ready()?;
    thread::spawn(move || plain.incoming().flatten().for_each(serve));
    for stream in encrypted.incoming().flatten() {
        let connection = ServerConnection::new(config.clone())?;
        serve(StreamOwned::new(connection, stream));
    }
    Ok(())
}

/// sd_notify(3).
fn ready() -> Result<()> {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    UnixDatagram::unbound()
        .and_then(|sender| sender.send_to(b"READY=1", socket))
        .context("cannot tell systemd that it is ready")?;
    Ok(())
}

/// Answers one request. A client may be gone at any time: that is its own business.
fn serve(mut stream: impl Read + Write) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            Ok(_) | Err(_) => return,
        }
    }
    let request = String::from_utf8_lossy(&request);
    let (status, body) = match request.split(' ').nth(1) {
        Some("/healthz") => ("200 OK", "all systems go\n"),
        Some("/down") => ("503 Service Unavailable", "try later\n"),
        _ => ("404 Not Found", "no such page\n"),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream
        .write_all(answer.as_bytes())
        .and_then(|()| stream.flush());
}
