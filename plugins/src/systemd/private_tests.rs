//! Names, and what somebody may send who is not, or no longer, what PID 1 is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::wire::tests::message;
use super::*;

const SIGNAL: u8 = 4;
const RETURN: u8 = 2;
/// For the whole conversation, in the tests below.
const LIMIT: Duration = Duration::from_millis(300);
/// Until when it has ended, on a machine with other things to do.
const LATEST: Duration = Duration::from_secs(5);

#[test]
fn names_become_objects() {
    assert_eq!(
        object_path("a-1.service"),
        "/org/freedesktop/systemd1/unit/a_2d1_2eservice"
    );
    assert_eq!(
        object_path("9.mount"),
        "/org/freedesktop/systemd1/unit/_39_2emount"
    );
    assert_eq!(full_name("sshd").unwrap(), "sshd.service");
    assert_eq!(full_name("a.b").unwrap(), "a.b.service");
    assert_eq!(full_name("-.mount").unwrap(), "-.mount");
    for odd in ["", "/var", "a b", "ä", "a\nb"] {
        assert!(full_name(odd).is_err());
    }
}

#[test]
fn whoever_does_not_speak_dbus_is_left_alone() {
    let limit = Duration::from_secs(5);
    for greeting in ["", "REJECTED\r\n", "OK 1234\r\n"] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(greeting.as_bytes()).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let systemd = Systemd::greet(ours, limit);
        assert_eq!(systemd.is_ok(), greeting.starts_with("OK"));
        if let Ok(mut systemd) = systemd {
            assert!(systemd.properties("a.service").is_err());
        }
    }
    let (ours, _silent) = UnixStream::pair().unwrap();
    assert!(Systemd::greet(ours, Duration::from_millis(20)).is_err());
}

/// Asks somebody who greets with `greeting` and then sends `next()` for as long as anybody listens.
fn ask<T>(
    greeting: &[u8],
    mut next: impl FnMut() -> Vec<u8> + Send,
    question: impl FnOnce(Systemd) -> io::Result<T>,
) -> io::Result<T> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let start = Instant::now();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = theirs.write_all(greeting);
            while sent.is_ok() && !over.load(Ordering::SeqCst) {
                sent = theirs.write_all(&next());
            }
        });
        let answer = Systemd::greet(ours, LIMIT).and_then(question);
        let took = start.elapsed();
        over.store(true, Ordering::SeqCst);
        assert!(took < LATEST, "{took:?}");
        answer
    })
}

const GREETING: &[u8] = b"OK 0123456789abcdef0123456789abcdef\r\n";

fn slowly(mut bytes: impl Iterator<Item = u8>) -> impl FnMut() -> Vec<u8> {
    move || {
        thread::sleep(Duration::from_millis(5));
        bytes.next().into_iter().collect()
    }
}

#[test]
fn a_flood_of_what_was_not_asked_for_ends_with_the_limit() {
    for kind in [SIGNAL, RETURN] {
        // Answers to questions that nobody asked, too.
        let flood = || message(kind, 99_999, &[0; 1 << 16], false);
        let error = ask(GREETING, flood, |mut it| it.properties("a.service")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind}");
        let error = ask(GREETING, flood, |mut it| it.list(&[], &["*"]).map(drop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind}");
    }
}

#[test]
fn a_byte_now_and_then_does_not_lengthen_the_limit() {
    let endless = message(SIGNAL, 0, &[0; 1 << 16], false);
    let trickle = slowly(endless.into_iter().cycle());
    assert!(ask(GREETING, trickle, |mut it| it.properties("a.service")).is_err());
    let greeting = slowly(GREETING.iter().copied().cycle());
    assert!(ask(b"", greeting, |mut it| it.properties("a.service")).is_err());
}

#[test]
fn garbage_is_an_error_at_once() {
    for garbage in [
        &[0; 512][..],
        &[0xff; 512],
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"l\x04\x01\x01\xff\xff\xff\xff",
    ] {
        let flood = || garbage.repeat(16);
        let error = ask(GREETING, flood, |mut it| it.properties("a.service")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}

#[test]
fn a_greeting_without_end_is_not_kept() {
    let start = Instant::now();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let flood = thread::spawn(move || while theirs.write_all(&[b'O'; 4096]).is_ok() {});
    assert!(Systemd::greet(ours, Duration::from_secs(20)).is_err());
    assert!(start.elapsed() < LATEST);
    flood.join().unwrap();
}

#[test]
fn answers_among_what_was_not_asked_for_are_found() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(GREETING).unwrap();
    let text: &[u8] = b"\x01s\0\0\x02\0\0\0ok\0";
    for serial in (0..100).rev() {
        theirs.write_all(&message(SIGNAL, 0, b"x", false)).unwrap();
        theirs
            .write_all(&message(RETURN, serial, text, false))
            .unwrap();
    }
    let mut systemd = Systemd::greet(ours, LATEST).unwrap();
    let properties = systemd.properties("a.service").unwrap();
    assert_eq!(properties.0.len(), PROPERTIES.len());
}

#[test]
fn only_pid_1_of_root_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("private");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = Systemd::connect_to(path.as_os_str(), LATEST).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    // Not a word was said.
    let mut said = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
}
