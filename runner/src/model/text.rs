//! Words for people: numbers, names, times.

use crate::model::facts::Outcome;

/// "1 check", "2 checks".
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A time for people, in UTC: `2026-11-23 04:05:06`.
pub fn time(seconds_since_1970: u64) -> String {
    let (days, seconds) = (seconds_since_1970 / 86_400, seconds_since_1970 % 86_400);
    // Civil date from days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", with years from March.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A duration for people.
pub fn duration(usec: u64) -> String {
    match usec {
        0..1_000 => format!("{usec} µs"),
        1_000..1_000_000 => format!("{} ms", usec / 1_000),
        _ => format!("{}.{} s", usec / 1_000_000, usec / 100_000 % 10),
    }
}

/// Names of the checks that did not pass.
pub fn failed_names(checks: &[Outcome]) -> Vec<String> {
    checks
        .iter()
        .filter(|check| check.result.is_bad())
        .map(|check| check.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_date_prints() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_795_406_706, "2026-11-23 04:05:06 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
        ] {
            assert_eq!(time(seconds), text);
        }
        assert_eq!(
            (duration(17), duration(2_500), duration(1_250_000)),
            ("17 µs".to_owned(), "2 ms".to_owned(), "1.2 s".to_owned())
        );
    }
}
