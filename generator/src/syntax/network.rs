//! Places in the network and what HTTP says, as a file may give them.

use crate::syntax::number::number;

/// `HOST:PORT`, `[ADDRESS]:PORT` or `unix:/path`.
pub(crate) fn is_address(value: &str) -> bool {
    if let Some(path) = value.strip_prefix("unix:") {
        return path.starts_with(['/', '%']);
    }
    let value = with_specifiers(value);
    is_host_and_port(&value)
}

/// http:// or https://, a host, and what a URL may be made of (RFC 3986).
pub(crate) fn is_url(value: &str) -> bool {
    let value = with_specifiers(value);
    let Some((scheme, rest)) = value.split_once("://") else {
        return false;
    };
    let is_web = ["http", "https"].map(|known| known.eq_ignore_ascii_case(scheme));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let place_ok = match place.strip_suffix(':') {
        Some(host) => is_host(host),
        None if place.rfind(':') > place.rfind(']') => is_host_and_port(place),
        None => is_host(place),
    };
    let of_authority = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:%[]@".contains(c);
    let of_none = |c: char| c.is_whitespace() || c.is_control() || "\"<>`".contains(c);
    is_web.contains(&true)
        && place_ok
        && (place.starts_with('[') || !place.contains('%'))
        && authority.chars().all(of_authority)
        && !user.contains(['@', '[', ']'])
        && !path.contains(of_none)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        is_host(host) && number(port, 65_535).is_some_and(|port| port > 0)
    })
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host = inner.unwrap_or(text);
    !host.is_empty()
        && host.contains(':') == inner.is_some()
        && !host.contains(|c: char| c.is_whitespace() || "[]/@".contains(c))
}

/// The value with a digit for each specifier: what systemd makes of one may be a port as well as a name.
fn with_specifiers(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '%' if chars.next() == Some('%') => '%',
            '%' => '1',
            c => c,
        };
        text.push(plain);
    }
    text
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
        for good in [
            "localhost:22",
            "[::1]:80",
            "unix:/run/x.sock",
            "%H:443",
            "localhost:%i",
        ] {
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
        for good in [
            "http://localhost",
            "HTTPS://[::1]:1/a?b=c#d",
            "http://%H:%i/%%20",
            "http://user:%%20@host:/é",
        ] {
            assert!(is_url(good), "{good}");
        }
        for wrong in [
            "localhost",
            "ftp://x",
            "http://",
            "http:///x",
            "http://a b",
            "http://a:x",
            "http://a:0",
            "http://a:65536",
            "http://?x",
            "http://[a]",
            "http://a@b@c",
            "http://é",
            "http://a/<b>",
        ] {
            assert!(!is_url(wrong), "{wrong}");
        }
        assert!(["200", "2xx", " 301"].into_iter().all(is_status));
        assert!(!["", "20", "2000", "600", "okk"].into_iter().any(is_status));
    }
}
