//! Places in the network and what HTTP says, as a file may give them.

use crate::syntax::number::number;

/// `HOST:PORT`, `[ADDRESS]:PORT` or `unix:/path`.
pub(crate) fn is_address(value: &str) -> bool {
    if let Some(path) = value.strip_prefix("unix:") {
        return path.starts_with(['/', '%']);
    }
    let Some((host, port)) = value.rsplit_once(':') else {
        return false;
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_ok = match inner {
        Some(address) => address.contains(':') && !address.contains(['[', ']']),
        None => !host.is_empty() && !host.contains([':', '[', ']', '/', '@']),
    };
    host_ok
        && !host.contains(char::is_whitespace)
        && number(port, 65_535).is_some_and(|port| port > 0)
}

/// http:// or https://, and a host.
pub(crate) fn is_url(value: &str) -> bool {
    let rest = value
        .strip_prefix("http://")
        .or_else(|| value.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(char::is_whitespace)
    })
}

/// A status code, `x` for any digit.
pub(crate) fn is_status(word: &str) -> bool {
    let word = word.trim();
    let digit = |c: char| c.is_ascii_digit() || c == 'x';
    word.len() == 3 && word.starts_with(['1', '2', '3', '4', '5']) && word.chars().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for good in ["localhost:22", "[::1]:80", "unix:/run/x.sock", "%H:443"] {
            assert!(is_address(good), "{good}");
        }
        for wrong in [
            "localhost",
            "localhost:",
            "h:0",
            "h:65536",
            "::1:80",
            "[x]:1",
            "unix:x",
            "a b:1",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
        for good in ["http://localhost", "https://[::1]:1/a?b=c#d"] {
            assert!(is_url(good), "{good}");
        }
        for wrong in ["localhost", "ftp://x", "http://", "http:///x", "http://a b"] {
            assert!(!is_url(wrong), "{wrong}");
        }
        assert!(["200", "2xx", " 301"].into_iter().all(is_status));
        assert!(!["", "20", "2000", "600", "okk"].into_iter().any(is_status));
    }
}
