//! Names: from a file name of any bytes to a unit's instance, and to something readable.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::syntax::text::printable;

/// Longest instance, in bytes.
///
/// A unit name may have 255, but systemd makes longer file names of it, such as `UNIT.d`; the longest
/// is `/run/systemd/units/.#invocation:UNIT` and 16 random digits, 29 bytes more (systemd before
/// 254 does not shorten it). That leaves 226 for `health-check-local@`, the instance and `.service`.
const INSTANCE_MAX: usize = 226 - 19 - 8;

/// A dash and sixteen hexadecimal digits.
const SUFFIX: usize = 17;

/// The instance name of a file name, unambiguous and the same whatever else is in the directory.
///
/// Escaped as systemd-escape(1) does, except that dashes stay: each byte that a unit name cannot
/// hold, and a leading dot, becomes `\xNN`. One that gets too long is cut, and ends with a hash.
pub fn instance(file_name: &OsStr) -> String {
    let bytes = file_name.as_bytes();
    let parts: Vec<String> = bytes
        .iter()
        .enumerate()
        .map(|(index, byte)| escape(index, *byte))
        .collect();
    let whole = parts.concat();
    if whole.len() <= INSTANCE_MAX {
        return whole;
    }
    let mut short = String::new();
    for part in parts {
        if short.len() + part.len() > INSTANCE_MAX - SUFFIX {
            break;
        }
        short.push_str(&part);
    }
    format!("{short}-{}", hash(file_name))
}

fn escape(index: usize, byte: u8) -> String {
    match byte {
        b'.' if index == 0 => r"\x2e".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' | b'-' => {
            char::from(byte).to_string()
        }
        other => format!(r"\x{other:02x}"),
    }
}

/// A name for people: valid UTF-8 on one line. What cannot be shown becomes U+FFFD.
pub fn readable(text: &OsStr) -> String {
    printable(&text.to_string_lossy())
}

/// FNV-1a, 64 bits, of the raw bytes, as sixteen hexadecimal digits: it needs to be stable over
/// versions, which the hashes of the standard library are not.
pub(crate) fn hash(text: &OsStr) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> String {
        instance(OsStr::from_bytes(bytes))
    }

    #[test]
    fn instances() {
        let table: &[(&[u8], &str)] = &[
            (b"sshd.sh", "sshd.sh"),
            (b"a-b_c:d.e", "a-b_c:d.e"),
            (b"two words", r"two\x20words"),
            (b"-dash", "-dash"),
            (b".hidden", r"\x2ehidden"),
            ("prüf".as_bytes(), r"pr\xc3\xbcf"),
            (b"\xff", r"\xff"),
            (b"a\nb", r"a\x0ab"),
            (b"50%$'\"\\", r"50\x25\x24\x27\x22\x5c"),
            (br"two\x20words", r"two\x5cx20words"),
            (b"a@b", r"a\x40b"),
        ];
        for (file, expected) in table {
            assert_eq!(of(file), *expected);
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_stay_different() {
        let fits = "x".repeat(INSTANCE_MAX);
        assert_eq!(of(fits.as_bytes()), fits);
        let one = of("ü".repeat(120).as_bytes());
        let other = of(format!("{}u", "ü".repeat(119)).as_bytes());
        assert_ne!(one, other);
        assert!(one.len() <= INSTANCE_MAX && other.len() <= INSTANCE_MAX);
        let (kept, digits) = one.rsplit_once('-').unwrap();
        assert_eq!(kept, r"\xc3\xbc".repeat(22) + r"\xc3");
        assert_eq!(digits.len(), 16);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Published test vectors: http://www.isthe.com/chongo/tech/comp/fnv/
        assert_eq!(hash(OsStr::new("")), "cbf29ce484222325");
        assert_eq!(hash(OsStr::new("foobar")), "85944171f73967e8");
    }

    #[test]
    fn readable_is_one_line_of_utf8() {
        let odd = OsStr::from_bytes(b"a\nb\xffc\x1b[31m\xc2\x85\xe2\x80\xae \xc3\xbc");
        assert_eq!(
            readable(odd),
            "a\u{fffd}b\u{fffd}c\u{fffd}[31m\u{fffd}\u{fffd} ü"
        );
    }
}
