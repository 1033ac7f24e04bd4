//! What the options of `health-probe http` may say: URLs, statuses, headers.

use ureq::http::Uri;

/// A URL that can be asked.
pub fn parse_url(text: &str) -> Result<Uri, String> {
    let wrong = "write a URL like 'http://localhost/healthz'";
    let url: Uri = text.parse().map_err(|error| format!("{error}: {wrong}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(url),
        (Some(_), Some(_)) => Err(format!("only http and https are known: {wrong}")),
        _ => Err(wrong.into()),
    }
}

/// `204`, or `2xx` for the whole class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The lowest …
    pub first: u16,
    /// … and the highest that is meant.
    pub last: u16,
}

impl Status {
    /// Reads it from the command line.
    pub fn parse(text: &str) -> Result<Status, String> {
        let number = |text: &str| text.parse::<u16>().ok();
        let range = match text.strip_suffix("xx") {
            Some(class) => number(class).map(|class| {
                (
                    class.saturating_mul(100),
                    class.saturating_mul(100).saturating_add(99),
                )
            }),
            None => number(text).map(|status| (status, status)),
        };
        match range {
            Some((first, last)) if (100..=599).contains(&first) => Ok(Status { first, last }),
            _ => Err("write a status like '200', or '2xx'".into()),
        }
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
        if name.is_empty() || name.contains(char::is_whitespace) || value.contains(char::is_control)
        {
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
        let status = |first, last| Ok(Status { first, last });
        assert_eq!(Status::parse("204"), status(204, 204));
        assert_eq!(Status::parse("2xx"), status(200, 299));
        for text in [
            "", "x", "xx", "2x", "20", "600", "6xx", "0xx", "-1", "99999xx", "655xx", "2XX", "200 ",
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
