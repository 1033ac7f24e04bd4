//! What the options of `health-probe http` may say: URLs, statuses, headers.

use std::fmt;

use ureq::http::Uri;

use crate::resolve;

/// A URL that can be asked.
pub fn parse_url(text: &str) -> Result<Uri, String> {
    let wrong = "write a URL like 'http://localhost/healthz'";
    let url: Uri = text.parse().map_err(|error| format!("{error}: {wrong}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {
            let authority = url.authority().map_or("", |authority| authority.as_str());
            is_one_server(authority, text)
                .map(|()| url)
                .map_err(|error| format!("{error}: {wrong}"))
        }
        (Some(_), Some(_)) => Err(format!("only http and https are known: {wrong}")),
        _ => Err(wrong.into()),
    }
}

/// Refuses what the parser lets pass and nobody means: a port that is no number is the usual one to it.
fn is_one_server(authority: &str, text: &str) -> Result<(), String> {
    if let Some(c) = text
        .chars()
        .find(|c| c.is_whitespace() || "\"<>`".contains(*c))
    {
        return Err(format!("a URL has no '{c}'"));
    }
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(['@', '[', ']']) {
        return Err("the server is not plain to see".into());
    }
    let place = place.strip_suffix(':').unwrap_or(place);
    match place.rfind(':') > place.rfind(']') {
        true => resolve::host_and_port(place).map(drop),
        false => resolve::host(place).map(drop),
    }
    .map_err(str::to_owned)
}

/// `204`, or with `x` for any digit: `2xx` is the whole class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status(String);

impl Status {
    /// Reads it from the command line.
    pub fn parse(text: &str) -> Result<Status, String> {
        let text = text.trim();
        let is_digit = |c: char| c.is_ascii_digit() || c == 'x';
        let is_class = text.starts_with(['1', '2', '3', '4', '5']);
        match is_class && text.len() == 3 && text.chars().all(is_digit) {
            true => Ok(Status(text.into())),
            false => Err("write a status like '200', or '2xx'".into()),
        }
    }

    /// Whether it stands for this one.
    pub fn matches(&self, status: u16) -> bool {
        let status = status.to_string();
        let mut digits = self.0.chars().zip(status.chars());
        status.len() == self.0.len() && digits.all(|(wanted, digit)| ['x', digit].contains(&wanted))
    }

    /// Whether it is about redirects.
    pub fn is_redirect(&self) -> bool {
        self.0.starts_with('3')
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `Name: value`; the value may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As it was written; upper and lower case are the same.
    pub name: String,
    /// Without spaces around it.
    pub value: String,
}

impl Header {
    /// Reads it from the command line.
    pub fn parse(text: &str) -> Result<Header, String> {
        let (name, value) = text.split_once(':').ok_or("write 'NAME: VALUE'")?;
        let is_control = |c: char| c.is_control() && c != '\t';
        if name.is_empty() || name.contains(char::is_whitespace) || text.contains(is_control) {
            return Err("write 'NAME: VALUE' on one line, without spaces in the name".into());
        }
        Ok(Header {
            name: name.into(),
            value: value.trim().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read() {
        for (text, yes, no) in [
            ("204", 204, 205),
            (" 204", 204, 304),
            ("2xx", 299, 300),
            ("20x", 209, 210),
            ("5x3", 513, 512),
        ] {
            let status = Status::parse(text).unwrap();
            assert!(status.matches(yes) && !status.matches(no), "{text}");
        }
        for text in [
            "", "x", "xx", "2x", "20", "600", "6xx", "0xx", "-1", "99999xx", "655xx", "2XX",
            "+200", "0200", "02xx", "٣٠٠",
        ] {
            assert!(Status::parse(text).expect_err(text).contains("'2xx'"));
        }
    }

    #[test]
    fn urls_and_headers_are_read() {
        for url in [
            "http://localhost",
            "https://[::1]:8443/a?b=c",
            "http://user@host/",
            "HTTP://host:/",
        ] {
            parse_url(url).expect(url);
        }
        for url in [
            "",
            "localhost",
            "localhost:80",
            "/healthz",
            "ftp://host/",
            "http://",
            "http:///x",
            "http://a b/",
            "http://a/ b",
            "http://a:x/",
            "http://a:0/",
            "http://a:65536/",
            "http://a:+1/",
            "http://[a]/",
            "http://a@b@c/",
        ] {
            assert!(
                parse_url(url)
                    .expect_err(url)
                    .contains("'http://localhost/healthz'")
            );
        }
        let header = Header::parse("Content-Type:  text/html; charset=utf-8 ").unwrap();
        assert_eq!(
            (header.name.as_str(), header.value.as_str()),
            ("Content-Type", "text/html; charset=utf-8")
        );
        assert_eq!(Header::parse("X-Ready:").unwrap().value, "");
        for text in ["", "name", ": value", "a b: c", "a: b\nc: d", "a: \r"] {
            assert!(Header::parse(text).is_err(), "{text}");
        }
    }
}
