//! Time spans as in systemd.time(7): `90`, `1min 30s`, `1.5h`, `500ms`.

use std::time::Duration;

/// Units in microseconds, as systemd counts; of a number without one, seconds are meant.
const UNITS: &[(&[&str], u64)] = &[
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], SECOND),
    (&["m", "min", "minute", "minutes"], 60 * SECOND),
    (&["h", "hr", "hour", "hours"], 3_600 * SECOND),
    (&["d", "day", "days"], 86_400 * SECOND),
    (&["w", "week", "weeks"], 604_800 * SECOND),
    (&["M", "month", "months"], 2_629_800 * SECOND),
    (&["y", "year", "years"], 31_557_600 * SECOND),
];

const SECOND: u64 = 1_000_000;

/// The length of a time span; nothing for anything else, `infinity` included.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = cut(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = cut(after.trim_start(), char::is_alphabetic);
        rest = after.trim_start();
        let size = UNITS
            .iter()
            .find_map(|(names, size)| names.contains(&unit).then_some(*size))?;
        total = total.checked_add(times(number, size)?)?;
    }
    Some(Duration::from_micros(total))
}

fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A decimal number times a unit, without floating point: `0.1s` is 100 ms. What is less than a microsecond is cut off.
fn times(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = whole.parse::<u64>().ok();
    let mut total = whole.filter(|whole| *whole < u64::MAX / size)? * size;
    let mut place = size;
    for digit in fraction.chars() {
        place /= 10;
        total = total.checked_add(place.checked_mul(u64::from(digit.to_digit(10)?))?)?;
    }
    Some(total)
}

/// As systemd and health-probe read it back, without loss down to a microsecond.
pub(crate) fn show(span: Duration) -> String {
    let micros = span.as_micros();
    if micros.is_multiple_of(1_000_000) {
        format!("{}s", micros / 1_000_000)
    } else if micros.is_multiple_of(1_000) {
        format!("{}ms", micros / 1_000)
    } else {
        format!("{micros}us")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, millis) in [
            ("0", 0),
            ("90", 90_000),
            ("5s", 5_000),
            ("1min 30s", 90_000),
            ("1min30", 90_000),
            ("2 h", 7_200_000),
            ("1.5 seconds", 1_500),
            ("0.25", 250),
            ("500ms", 500),
            ("1d 1m", 86_460_000),
            ("1week", 604_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for (text, micros) in [("7µs", 7), ("1us 1.9us", 2), ("1.0000019", 1_000_001)] {
            assert_eq!(parse(text), Some(Duration::from_micros(micros)), "{text}");
        }
        assert!(parse("584541y").is_some());
    }

    #[test]
    fn no_spans() {
        for text in [
            "",
            " ",
            "s",
            "5x",
            "-5",
            "1.2.3",
            ".5",
            "5.",
            "5.s",
            "5ns",
            "infinity",
            "5s x",
            "5,5s",
            "99999999999999999999",
            "584542y",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn shown_as_read() {
        for text in ["0s", "5s", "90s", "1500ms", "7us"] {
            assert_eq!(parse(text).map(show), Some(text.to_owned()));
        }
    }
}
