//! Messages as they are on the wire.

use super::*;

/// A message as PID 1 sends it: type, serial it answers, body.
pub fn message(kind: u8, serial: u32, body: &[u8], is_big: bool) -> Vec<u8> {
    let number = |number: usize| match is_big {
        true => (number as u32).to_be_bytes(),
        false => (number as u32).to_le_bytes(),
    };
    let mut bytes = vec![if is_big { b'B' } else { b'l' }, kind, 1, 1];
    bytes.extend(number(body.len()));
    bytes.extend(number(99));
    // SIGNATURE 'v' first, then REPLY_SERIAL: 7 bytes and one of padding, 8 bytes.
    bytes.extend(number(16));
    bytes.extend([8, 1, b'g', 0, 1, b'v', 0, 0, 5, 1, b'u', 0]);
    bytes.extend(number(serial as usize));
    bytes.extend(body);
    bytes
}

#[test]
fn a_call_is_written_as_the_specification_has_it() {
    let bytes = call(
        7,
        "/a",
        ("b.c", "Get"),
        &[Parameter::Text("x"), Parameter::List(&["yz"])],
    );
    let mut expected = b"l\x01\x00\x01\x13\0\0\0\x07\0\0\0".to_vec();
    expected.extend(b"\x39\0\0\0");
    expected.extend(b"\x01\x01o\0\x02\0\0\0/a\0\0\0\0\0\0");
    expected.extend(b"\x02\x01s\0\x03\0\0\0b.c\0\0\0\0\0");
    expected.extend(b"\x03\x01s\0\x03\0\0\0Get\0\0\0\0\0");
    expected.extend(b"\x08\x01g\0\x03sas\0");
    // Padding to 8, then the body.
    expected.resize(expected.len().next_multiple_of(8), 0);
    expected.extend(b"\x01\0\0\0x\0\0\0\x07\0\0\0\x02\0\0\0yz\0");
    assert_eq!(bytes, expected);
}

#[test]
fn answers_are_read_in_both_byte_orders_and_signals_passed_over() {
    for is_big in [false, true] {
        let text: &[u8] = match is_big {
            true => b"\x01s\0\0\0\0\0\x02ok\0",
            false => b"\x01s\0\0\x02\0\0\0ok\0",
        };
        let mut stream = message(4, 0, b"whatever", is_big);
        stream.extend(message(METHOD_RETURN, 5, text, is_big));
        stream.extend(message(ERROR, 6, b"", is_big));
        let mut stream = stream.as_slice();
        let first = answer(&mut stream).unwrap();
        assert_eq!(first.serial, 5);
        assert_eq!(first.values.unwrap().variant().as_deref(), Some("ok"));
        let second = answer(&mut stream).unwrap();
        assert!(second.serial == 6 && second.values.is_none());
        assert!(answer(&mut stream).is_err());
    }
}

#[test]
fn variants_read_as_systemctl_shows_them() {
    for (bytes, expected) in [
        (&b"\x01b\0\0\x01\0\0\0"[..], Some("yes")),
        (b"\x01b\0\0\0\0\0\0", Some("no")),
        (b"\x01u\0\0\x03\0\0\0", Some("3")),
        (b"\x01i\0\0\xff\xff\xff\xff", Some("-1")),
        (b"\x01t\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0", Some("4294967297")),
        (b"\x04(uo)\0\0\0\x07\0\0\0\x01\0\0\0/\0", Some("7")),
        (b"\x02as\0\0\0\0\0", None),
        (b"\x01s\0\0\xff\xff\xff\xffx", None),
        (b"\x01u\0", None),
        (b"", None),
    ] {
        let value = Values::new(bytes.to_vec(), false).variant();
        assert_eq!(value.as_deref(), expected, "{bytes:?}");
    }
}

#[test]
fn damaged_messages_are_errors_never_panics() {
    let good = message(METHOD_RETURN, 5, b"\x01s\0\0\x02\0\0\0ok\0", false);
    for length in 0..good.len() {
        assert!(answer(&mut &good[..length]).is_err());
    }
    for (index, byte) in [(0, 0), (0, b'x'), (3, 2)] {
        let mut other = good.clone();
        other[index] = byte;
        assert!(answer(&mut other.as_slice()).is_err(), "{byte}");
    }
    for index in 0..good.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = good.clone();
            damaged[index] = byte;
            // Whatever comes of it; only the time and memory it may take are bounded.
            if let Ok(Answer {
                values: Some(mut values),
                ..
            }) = answer(&mut damaged.as_slice())
            {
                let _ = (values.variant(), values.array_end(8), values.text());
            }
        }
    }
}
