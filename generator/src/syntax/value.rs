//! The values of keys in `[Check]`: what is allowed, and the words that a command gets of them.

use std::time::Duration;

use crate::syntax::command_words::check_command;
use crate::syntax::network::{is_address, is_status, is_url};
use crate::syntax::number::{boolean, number};
use crate::syntax::parse::shown;
use crate::syntax::span;
use crate::syntax::unit_names::units;

/// A longer one is a mistake, and would hold back the verdict.
const SPAN_MAX: Duration = Duration::from_secs(3600);

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// A command line as in ExecStart=.
    Command,
    /// One of these words; the second one is what becomes of it.
    OneOf(&'static [(&'static str, &'static str)]),
    /// A boolean that can only have this value; whoever wants the other one leaves the key out.
    Only(bool),
    /// A number from and up to these.
    Count(u32, u32),
    /// A time span of at least so many seconds.
    Span(u64),
    /// A time span of any length.
    Age,
    /// Names of units.
    Units,
    /// Names of units, globs too.
    Globs,
    /// Names without white space.
    Names,
    /// An absolute path.
    Path,
    /// `HOST:PORT`, `[ADDRESS]:PORT` or `unix:/path`.
    Address,
    /// http:// or https://.
    Url,
    /// Status codes of HTTP.
    Status,
    /// A header field of HTTP.
    Header,
    /// A percentage or a size.
    Amount,
    /// The name or number of a user.
    User,
    /// Anything.
    Text,
}

impl Value {
    /// Whether each assignment adds to those before it.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::Units | Self::Globs | Self::Names | Self::Header)
    }

    /// The words of a value; or what would be right.
    pub(crate) fn words(self, value: &str) -> Result<Vec<String>, String> {
        match self {
            Self::Command => check_command(value).map(|()| vec![value.to_owned()]),
            Self::OneOf(words) => one_of(words, value).map(|meaning| vec![meaning]),
            Self::Only(wanted) => match boolean(value) {
                Some(given) if given == wanted => Ok(Vec::new()),
                Some(_) | None => Err(format!(
                    "'{}' is not '{}'; for no such check, leave the key out",
                    shown(value),
                    if wanted { "yes" } else { "no" }
                )),
            },
            Self::Count(min, max) => number(value, max)
                .filter(|number| *number >= min)
                .map(|number| vec![number.to_string()])
                .ok_or_else(|| format!("'{}' is not a number from {min} to {max}", shown(value))),
            Self::Span(min) => match span::parse(value) {
                Some(span) if (Duration::from_secs(min)..=SPAN_MAX).contains(&span) => {
                    Ok(vec![span::show(span)])
                }
                Some(_) | None => Err(format!(
                    "'{}' is not a time from {min} s to 1 h, such as '30s' or '1min 30s'",
                    shown(value)
                )),
            },
            Self::Age => span::parse(value)
                .map(|span| vec![span::show(span)])
                .ok_or_else(|| format!("'{}' is not a time, such as '1d 2h'", shown(value))),
            Self::Units => units(value, false),
            Self::Globs => units(value, true),
            Self::Names => {
                check_specifiers(value)?;
                Ok(value.split_whitespace().map(str::to_owned).collect())
            }
            Self::Amount => amount(value).map(|amount| vec![amount]).ok_or_else(|| {
                format!(
                    "'{}' is not an amount such as '10%', '500M' or '2G'",
                    shown(value)
                )
            }),
            Self::Path
            | Self::Address
            | Self::Url
            | Self::Status
            | Self::Header
            | Self::User
            | Self::Text => {
                let (ok, allowed) = self.as_it_is(value);
                if !ok {
                    return Err(format!("'{}' is not {allowed}", shown(value)));
                }
                check_specifiers(value).map(|()| vec![value.to_owned()])
            }
        }
    }

    /// Whether a value that is one word as it is may be so, and what is allowed.
    fn as_it_is(self, value: &str) -> (bool, &'static str) {
        match self {
            Self::Path => (
                value.starts_with(['/', '%']) && !value.split('/').any(|part| part == ".."),
                "an absolute path",
            ),
            Self::Address => (
                is_address(value),
                "HOST:PORT, '[IPV6]:PORT' or 'unix:/path/of/socket'",
            ),
            Self::Url => (
                is_url(value),
                "a URL such as 'http://localhost:8080/healthz' or 'https://…'",
            ),
            Self::Status => (
                value.split(',').all(is_status),
                "a list of status codes such as '200,204' or '2xx'",
            ),
            Self::Header => (
                value.split_once(':').is_some_and(|(name, _)| {
                    !name.is_empty() && !name.contains(char::is_whitespace)
                }) && !value.contains(|c: char| c.is_control() && c != '\t'),
                "a header such as 'Content-Type: text/html'",
            ),
            Self::User => (
                is_user(value),
                "the name or number of one user, such as 'root'",
            ),
            _ => (true, "any text"),
        }
    }
}

/// What one of these words means.
fn one_of(words: &[(&str, &str)], value: &str) -> Result<String, String> {
    let word = words.iter().find(|(word, _)| *word == value);
    word.map(|(_, meaning)| (*meaning).to_owned())
        .ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            format!("'{}' is not {}", shown(value), words.join(" or "))
        })
}

/// Whether there is such a user is seen when the check runs: services bring users of their own.
fn is_user(value: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !":/,".contains(c);
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    !value.is_empty()
        && !value.starts_with('-')
        && value.chars().all(plain)
        && (!is_number || number(value, u32::MAX - 1).is_some())
}

/// systemd leaves an unknown specifier as it is; what a newer one makes of it nobody knows.
fn check_specifiers(value: &str) -> Result<(), String> {
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let next = if c == '%' { chars.next() } else { Some('%') };
        if !next.is_some_and(|next| next == '%' || next.is_ascii_alphabetic()) {
            return Err(format!(
                "'{}' has a '%' that is no specifier of systemd; write '%%' for a percent sign",
                shown(value)
            ));
        }
    }
    Ok(())
}

/// The amount as systemd has to read it: '%' would begin a specifier.
fn amount(value: &str) -> Option<String> {
    if let Some(share) = value.strip_suffix('%') {
        let share = share.strip_suffix('%').unwrap_or(share).trim_end();
        let is_share = decimal(share).is_some_and(|share| share <= 100.0);
        return is_share.then(|| format!("{share}%%"));
    }
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (count, unit) = value.split_at(digits.unwrap_or(value.len()));
    let power = match unit.trim_start() {
        "" | "B" => 0,
        "K" | "KB" | "KiB" | "k" => 1,
        "M" | "MB" | "MiB" => 2,
        "G" | "GB" | "GiB" => 3,
        "T" | "TB" | "TiB" => 4,
        "P" | "PB" | "PiB" => 5,
        _ => return None,
    };
    let bytes = decimal(count)? * 1024_f64.powi(power);
    (bytes < u64::MAX as f64).then(|| value.to_owned())
}

/// Digits with at most one point between them.
fn decimal(text: &str) -> Option<f64> {
    let is_digit = |c: char| c.is_ascii_digit();
    let plain = text.starts_with(is_digit)
        && text.ends_with(is_digit)
        && text.chars().all(|c| is_digit(c) || c == '.');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(value: Value, good: &[&str]) {
        for text in good {
            assert!(value.words(text).is_ok(), "{text}: {:?}", value.words(text));
        }
    }

    fn bad(value: Value, wrong: &[&str]) {
        for text in wrong {
            assert!(
                value.words(text).is_err(),
                "{text}: {:?}",
                value.words(text)
            );
        }
    }

    #[test]
    fn words_of_values() {
        let table: &[(Value, &str, &[&str])] = &[
            (Value::OneOf(&[("rpm", "rpmdb")]), "rpm", &["rpmdb"]),
            (Value::Only(true), "on", &[]),
            (Value::Count(0, 100), "007", &["7"]),
            (Value::Span(1), "1min 30", &["90s"]),
            (
                Value::Units,
                "a.service\tb.timer",
                &["a.service", "b.timer"],
            ),
            (Value::Amount, "10%", &["10%%"]),
            (Value::Amount, "10%%", &["10%%"]),
            (Value::Amount, "1.5G", &["1.5G"]),
            (Value::Text, "two words %i", &["two words %i"]),
        ];
        for (value, text, words) in table {
            assert_eq!(value.words(text).unwrap(), *words);
        }
    }

    #[test]
    fn simple_values() {
        ok(Value::Path, &["/", "/a b", "%t/x"]);
        bad(Value::Path, &["a", "./a", "/a/../b", "/a%"]);
        bad(Value::Only(false), &["yes", "maybe"]);
        ok(Value::Count(0, 100), &["0", "100"]);
        bad(
            Value::Count(0, 100),
            &["101", "-1", "+1", "1s", "99999999999"],
        );
        ok(Value::Span(1), &["1", "1h"]);
        bad(Value::Span(1), &["0", "999ms", "61min", "infinity", "x"]);
        ok(Value::Age, &["30d", "0"]);
        ok(
            Value::Amount,
            &["0", "1.5G", "2 GiB", "500MB", "100%", "5k"],
        );
        bad(Value::Amount, &["", "%", "G", "1.", "-1", "1X", "10%%%"]);
        bad(Value::Amount, &["101%", "5Gi", "5i", "16384P"]);
        bad(Value::Text, &["50%", "% x", "%1"]);
        ok(Value::Header, &["Server: nginx", "X-Y:", "A:\tb\tc"]);
        bad(Value::Header, &["Server", ": x", "a b: c"]);
        ok(Value::Status, &["200,204", "2xx, 301"]);
        bad(Value::Url, &["http://x/%20"]);
        ok(
            Value::User,
            &["root", "0", "4294967294", "www-data", "%i", "jürgen"],
        );
        bad(
            Value::User,
            &["", "-1", "4294967295", "a b", "a,b", "a:b", "../x", "50%"],
        );
    }
}
