//! Sizes and shares: '2G', '500M', '10%', '1000'.

use std::fmt;

/// A least amount: so much, or such a share of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Bytes, or inodes.
    Count(u64),
    /// Of 100.
    Percent(f64),
}

impl Amount {
    /// What this is of the whole.
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Amount::Count(count) => count,
            Amount::Percent(percent) => (whole as f64 * percent / 100.0).ceil() as u64,
        }
    }
}

/// Reads '10%', or a size.
pub fn amount(text: &str) -> Result<Amount, String> {
    let Some(percent) = text.trim().strip_suffix('%') else {
        return size(text).map(Amount::Count);
    };
    match number(percent.trim_end()) {
        Some(percent) if percent <= 100.0 => Ok(Amount::Percent(percent)),
        _ => Err(wrong(text)),
    }
}

/// Reads a size in bytes, or with a unit to the base of 1024: K, M, G, T, P ('B' or 'iB' may follow).
pub fn size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (count, unit) = trimmed.split_at(digits);
    let power = match unit.trim_start() {
        "" | "B" => 0,
        "K" | "KB" | "KiB" | "k" => 1,
        "M" | "MB" | "MiB" => 2,
        "G" | "GB" | "GiB" => 3,
        "T" | "TB" | "TiB" => 4,
        "P" | "PB" | "PiB" => 5,
        _ => return Err(wrong(text)),
    };
    let bytes = number(count).ok_or_else(|| wrong(text))? * 1024_f64.powi(power);
    match bytes < u64::MAX as f64 {
        true => Ok(bytes.round() as u64),
        false => Err(wrong(text)),
    }
}

/// Digits with at most one point between them; Rust's own parser would take '1e3', 'inf' and 'nan', too.
fn number(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if plain { text.parse().ok() } else { None }
}

fn wrong(text: &str) -> String {
    format!("'{text}' is no amount: write a size like '2G' or '500M', or a share like '10%'")
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Count(count) => Bytes(*count).fmt(f),
            Amount::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Shows bytes as people read them: '1.5G'.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = "";
        for larger in ["K", "M", "G", "T", "P"] {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = larger;
        }
        // Cut, not rounded: 1.99G must not look like the 2G that were expected.
        let tenths = (value * 10.0).floor() / 10.0;
        match tenths.fract() == 0.0 {
            true => write!(f, "{tenths:.0}{unit}"),
            false => write!(f, "{tenths:.1}{unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, expected) in [
            ("0", Amount::Count(0)),
            ("1000", Amount::Count(1000)),
            ("1K", Amount::Count(1024)),
            ("1.5K", Amount::Count(1536)),
            ("500M", Amount::Count(500 << 20)),
            (" 2 GiB ", Amount::Count(2 << 30)),
            ("3TB", Amount::Count(3 << 40)),
            ("10%", Amount::Percent(10.0)),
            ("2.5 %", Amount::Percent(2.5)),
            ("100%", Amount::Percent(100.0)),
        ] {
            assert_eq!(amount(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_written_is_refused_with_the_right_form() {
        for text in [
            "",
            "G",
            "%",
            "-1",
            "-5%",
            "101%",
            "1e3",
            "inf",
            "nan",
            "NaN%",
            "inf%",
            "1..2G",
            ".5G",
            "5.G",
            "2X",
            "2GG",
            "99999999999999999999P",
            "1 2",
            "٣G",
            "10%%",
            "0x10",
            "+1",
        ] {
            assert!(amount(text).expect_err(text).contains("'2G'"), "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_up_and_sizes_shown_shortly() {
        assert_eq!(Amount::Percent(10.0).of(1001), 101);
        assert_eq!(Amount::Count(7).of(1), 7);
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1536, "1.5K"),
            (2 << 30, "2G"),
            ((2 << 30) - 1, "1.9G"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
