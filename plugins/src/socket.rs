//! Connections to sockets in the file system, within a time limit.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
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

/// Who listens on a socket, as the kernel remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub user: u32,
    /// The process.
    pub process: i32,
}

/// Who made the socket that this one is connected to: whoever was behind listen(2), whoever has it now. A process that
/// cannot be seen from here is an error.
pub fn peer(socket: &UnixStream) -> io::Result<Peer> {
    let peer = socket_peercred(socket)?;
    Ok(Peer {
        user: peer.uid.as_raw(),
        process: peer.pid.as_raw_nonzero().get(),
    })
}

/// A connection whose reads and writes keep one limit all together: a peer that sends a byte now and then, or never
/// stops, is given up as one that sends nothing.
pub struct Limited {
    stream: UnixStream,
    end: Instant,
}

impl Limited {
    /// From now on for at most `limit`.
    pub fn new(stream: UnixStream, limit: Duration) -> Limited {
        let end = Instant::now() + limit;
        Limited { stream, end }
    }

    /// The connection itself.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The time that is left.
    pub fn left(&self) -> io::Result<Duration> {
        match self.end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket with a time limit says that it would have to wait.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

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

    #[test]
    fn the_listener_is_who_made_the_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let peer = peer(&unix(&path, Duration::from_secs(5)).unwrap()).unwrap();
        let process = std::process::id().cast_signed();
        let user = rustix::process::geteuid().as_raw();
        assert_eq!(peer, Peer { user, process });
    }
}
