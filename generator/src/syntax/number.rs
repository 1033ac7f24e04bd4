//! Numbers and truth values, as systemd has them.

/// Booleans as systemd.syntax(7) has them.
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// A plain decimal number up to `max`.
pub(crate) fn number(value: &str, max: u32) -> Option<u32> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse::<u32>().ok().filter(|number| *number <= max);
    if digits { number } else { None }
}
