//! Time spans as systemd.time(7) writes them: '5s', '1min 30s', '500ms', '2h'.

use std::fmt;
use std::time::Duration;

const MICROSECOND: f64 = 1e-6;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// As systemd has it: 365.25 days.
const YEAR: f64 = 365.25 * DAY;
/// Longer waits are taken for a mistake.
const LONGEST: f64 = 100.0 * YEAR;

/// Reads a time span. A number without a unit means seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = |what: &str| {
        format!("{what}: write a time span like '5s', '1min 30s', '500ms' or '0' (systemd.time(7))")
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("the time is empty"));
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        // '.5' and '5.' are not numbers for us, although they are for Rust.
        let number: f64 = match number.starts_with('.') || number.ends_with('.') {
            true => return Err(wrong(&format!("'{number}' is not a number"))),
            false => number
                .parse()
                .map_err(|_| wrong(&format!("'{rest}' does not start with a number")))?,
        };
        let after = after.trim_start();
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace())
            .unwrap_or(after.len());
        let (name, after) = after.split_at(letters);
        let unit =
            unit(name).ok_or_else(|| wrong(&format!("there is no unit of time '{name}'")))?;
        seconds += number * unit;
        rest = after.trim_start();
    }
    match seconds <= LONGEST {
        true => Ok(Duration::from_micros((seconds * 1e6).round() as u64)),
        false => Err(wrong("that is more than 100 years")),
    }
}

fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "us" | "usec" | "µs" | "μs" => MICROSECOND,
        "ms" | "msec" => 1e-3,
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7.0 * DAY,
        "M" | "month" | "months" => YEAR / 12.0,
        "y" | "year" | "years" => YEAR,
        _ => return None,
    })
}

/// Shows a time span as systemd does, in at most two units: '1min 30s', '1.2s', '500ms'.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (large, small) = match seconds {
            0 => return write!(f, "{}ms", self.0.as_millis()),
            1..60 if self.0.subsec_millis() < 50 => return write!(f, "{seconds}s"),
            1..60 => return write!(f, "{:.1}s", self.0.as_secs_f64()),
            60..3600 => ((seconds / 60, "min"), (seconds % 60, "s")),
            3600..86400 => ((seconds / 3600, "h"), (seconds % 3600 / 60, "min")),
            _ => ((seconds / 86400, "d"), (seconds % 86400 / 3600, "h")),
        };
        write!(f, "{}{}", large.0, large.1)?;
        match small.0 {
            0 => Ok(()),
            _ => write!(f, " {}{}", small.0, small.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, milliseconds) in [
            ("0", 0),
            ("5", 5_000),
            ("5s", 5_000),
            (" 5 s ", 5_000),
            ("5 sec", 5_000),
            ("1.5s", 1_500),
            ("500ms", 500),
            ("1500us", 2),
            ("2min", 120_000),
            ("2m", 120_000),
            ("1min 30s", 90_000),
            ("1min30s", 90_000),
            ("1 minute 30 seconds", 90_000),
            ("2h", 7_200_000),
            ("1h 30", 3_630_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1M", 2_629_800_000),
            ("1y", 31_557_600_000),
            ("55s500ms", 55_500),
        ] {
            let span = parse(text).unwrap();
            assert_eq!(
                (span.as_secs_f64() * 1000.0).round() as u64,
                milliseconds,
                "{text}"
            );
        }
    }

    #[test]
    fn whatever_else_is_written_is_refused_with_the_right_form() {
        for text in [
            "",
            " ",
            "s",
            "-1",
            "-5s",
            "5x",
            "5 apples",
            "1..5s",
            ".5s",
            "5.",
            "1.2.3",
            "infinity",
            "nan",
            "inf",
            "1e3",
            "5s,",
            "5s;6s",
            "9999999999999999y",
            "1min -3s",
            "٣s",
            "5\0s",
            "0x10",
            "+5",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("'1min 30s'"), "{text}: {error}");
        }
    }

    #[test]
    fn spans_are_shown_shortly() {
        for (milliseconds, text) in [
            (0, "0ms"),
            (500, "500ms"),
            (1_000, "1s"),
            (1_250, "1.2s"),
            (59_990, "60.0s"),
            (60_000, "1min"),
            (90_400, "1min 30s"),
            (3_600_000, "1h"),
            (5_400_000, "1h 30min"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(Span(Duration::from_millis(milliseconds)).to_string(), text);
        }
    }
}
