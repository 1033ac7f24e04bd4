//! Time spans as systemd.time(7) writes them: '5s', '1min 30s', '500ms', '2h'.

use std::fmt;
use std::time::Duration;

/// Units in microseconds, as systemd counts.
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// As systemd has it: 365.25 days.
const YEAR: u64 = DAY * 1461 / 4;

/// Reads a time span. A number without a unit means seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = |what: &str| {
        format!("{what}: write a time span like '5s', '1min 30s', '500ms' or '0' (systemd.time(7))")
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("the time is empty"));
    }
    let mut total = Some(0_u64);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        // '.5' and '5.' are not numbers for us, although they are for Rust.
        if number.starts_with('.') || number.ends_with('.') {
            return Err(wrong(&format!("'{number}' is not a number")));
        }
        if number.is_empty() || number.matches('.').count() > 1 {
            return Err(wrong(&format!("'{rest}' does not start with a number")));
        }
        let after = after.trim_start();
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace())
            .unwrap_or(after.len());
        let (name, after) = after.split_at(letters);
        let unit =
            unit(name).ok_or_else(|| wrong(&format!("there is no unit of time '{name}'")))?;
        total = total.and_then(|total| total.checked_add(times(number, unit)?));
        rest = after.trim_start();
    }
    total
        .map(Duration::from_micros)
        .ok_or_else(|| wrong("that is too long"))
}

/// A decimal number times a unit, if that is not too long. What is less than a microsecond is cut off.
fn times(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok();
    let mut total = whole.filter(|whole| *whole < u64::MAX / unit)? * unit;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        total = total.checked_add(place * u64::from(digit.to_digit(10)?))?;
    }
    Some(total)
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "us" | "usec" | "µs" | "μs" => 1,
        "ms" | "msec" => 1_000,
        "" | "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        "M" | "month" | "months" => YEAR / 12,
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

    /// As `systemd-analyze timespan` shows them.
    #[test]
    fn less_than_a_microsecond_is_cut_off_and_centuries_are_read() {
        for (text, microseconds) in [
            ("0.1s", 100_000),
            ("1us 1.9us", 2),
            ("1.0000019", 1_000_001),
            ("300y", 9_467_280_000_000_000),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_micros(microseconds)),
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
            "584542y",
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
