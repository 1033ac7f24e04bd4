//! Where a redirect leads to (RFC 9110, 15.4; RFC 3986, 5.2).

use ureq::Body;
use ureq::http::{Response, Uri, header::LOCATION};

use super::options::parse_url;
use crate::text::quoted;

/// The statuses that say where to go; of others, a Location is something to read.
const FOLLOWED: [u16; 5] = [301, 302, 303, 307, 308];

/// Where this answer to a request for `from` sends us, if it does.
pub fn target(from: &Uri, response: &Response<Body>) -> Result<Option<Uri>, String> {
    let location = response.headers().get(LOCATION);
    let is_redirect = FOLLOWED.contains(&response.status().as_u16());
    let Some(location) = location.filter(|_| is_redirect) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    resolve(from, &location)
        .map(Some)
        .map_err(|error| format!("a redirect to {}: {error}", quoted(&location)))
}

/// Whether both are of one server: what is meant for one must not be sent to another.
pub fn is_same_origin(a: &Uri, b: &Uri) -> bool {
    origin(a) == origin(b)
}

fn origin(url: &Uri) -> (String, String, Option<u16>) {
    let lower = |text: Option<&str>| text.unwrap_or_default().to_ascii_lowercase();
    let scheme = lower(url.scheme_str());
    let port = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    (scheme, lower(url.host()), url.port_u16().or(port))
}

fn resolve(from: &Uri, location: &str) -> Result<Uri, String> {
    let location = location.split('#').next().unwrap_or_default().trim();
    let first = location.find(['/', '?']).unwrap_or(location.len());
    if location[..first].contains(':') {
        return parse_url(location);
    }
    let scheme = from.scheme_str().unwrap_or_default();
    if location.starts_with("//") {
        return parse_url(&format!("{scheme}:{location}"));
    }
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let (path, query) = match location.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (location, None),
    };
    let directory = from
        .path()
        .rsplit_once('/')
        .map_or("", |(before, _)| before);
    let (path, query) = match path {
        "" => (from.path().to_owned(), query.or(from.query())),
        path if path.starts_with('/') => (path.to_owned(), query),
        path => (format!("{directory}/{path}"), query),
    };
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    parse_url(&format!(
        "{scheme}://{authority}{}{query}",
        without_dots(&path)
    ))
}

/// `/a/./b/../c` is `/a/c`.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let is_directory = path.ends_with("/.") || path.ends_with("/..");
    let end = if is_directory && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_resolved_as_rfc_3986_has_it() {
        let from: Uri = "http://u@a:81/b/c/d;p?q".parse().unwrap();
        for (location, expected) in [
            ("https://x/y", "https://x/y"),
            ("HTTP://x/y", "http://x/y"),
            ("//g", "http://g/"),
            ("//g/h?i", "http://g/h?i"),
            ("/g", "http://u@a:81/g"),
            ("g", "http://u@a:81/b/c/g"),
            ("./g", "http://u@a:81/b/c/g"),
            ("g/", "http://u@a:81/b/c/g/"),
            ("?y", "http://u@a:81/b/c/d;p?y"),
            ("g?y#s", "http://u@a:81/b/c/g?y"),
            ("#s", "http://u@a:81/b/c/d;p?q"),
            ("", "http://u@a:81/b/c/d;p?q"),
            (".", "http://u@a:81/b/c/"),
            ("..", "http://u@a:81/b/"),
            ("../g", "http://u@a:81/b/g"),
            ("../../../g", "http://u@a:81/g"),
            ("../..", "http://u@a:81/"),
            ("g?y/../x", "http://u@a:81/b/c/g?y/../x"),
            ("/b?a:c", "http://u@a:81/b?a:c"),
        ] {
            let found = resolve(&from, location);
            assert_eq!(
                found.map(|url| url.to_string()),
                Ok(expected.into()),
                "{location}"
            );
        }
        for wrong in [
            "ftp://x/",
            "file:/etc/shadow",
            "http:g",
            "http://",
            "a b",
            "///x",
            "//",
        ] {
            assert!(
                resolve(&from, wrong).is_err(),
                "{wrong}: {:?}",
                resolve(&from, wrong)
            );
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| is_same_origin(&a.parse().unwrap(), &b.parse().unwrap());
        for (a, b) in [
            ("http://a/x", "http://a:80/y?z"),
            ("https://A:443/", "https://u:p@a/"),
            ("http://[::1]:1/", "http://[::1]:1/x"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("http://a/", "https://a/"),
            ("http://a/", "http://a:8080/"),
            ("http://a/", "http://b/"),
            ("http://a/", "http://a.b/"),
            ("http://a/", "http://a@b/"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }
}
