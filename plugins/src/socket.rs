//! Connections to sockets in the file system, within a time limit.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// What a time limit is at least: zero would mean none.
const SHORTEST: Duration = Duration::from_millis(1);

/// Connects to a socket by its path. Reading and writing keep the same limit.
///
/// A server that accepts nobody lets connect(2) wait for ever, unless the socket has a limit before.
pub fn unix(path: impl AsRef<Path>, limit: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path.as_ref())?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let limit = Some(limit.max(SHORTEST));
    set_socket_timeout(&socket, Timeout::Send, limit)?;
    set_socket_timeout(&socket, Timeout::Recv, limit)?;
    connect(&socket, &address)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    #[test]
    fn a_server_that_accepts_nobody_is_waited_for_no_longer_than_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let start = Instant::now();
        let mut waiting = Vec::new();
        // As many as the kernel queues for the server, which is a few thousand.
        let refused = loop {
            match unix(&path, Duration::from_millis(100)) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 10_000 && start.elapsed() < Duration::from_secs(60));
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }
}
