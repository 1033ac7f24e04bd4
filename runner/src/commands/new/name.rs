//! Names for new checks, and a better one for a bad one. Pure.

use anyhow::{Result, bail};

/// Longest name, in bytes: a unit name has to hold it.
const NAME_MAX: usize = 100;

/// A name that is easy to type everywhere: what the generator would have to escape is refused.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let ends_badly = ["~", ".bak", ".orig", ".swp"]
        .iter()
        .any(|ending| name.ends_with(ending))
        || name.contains(".rpm")
        || name.contains(".dpkg-");
    let stem = name.strip_suffix(".check").unwrap_or(name);
    let good = |name: &str| {
        name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    if stem == name && good(name) && name.len() <= NAME_MAX && !ends_badly {
        return Ok(());
    }
    let dashed: String = stem
        .chars()
        .map(|c| {
            if plain(c) && !(ends_badly && c == '.') {
                c
            } else {
                '-'
            }
        })
        .take(NAME_MAX)
        .collect();
    let better = dashed.trim_matches(['-', '.', '_']);
    let hint = if good(better) {
        format!("; how about '{better}'?")
    } else {
        String::new()
    };
    let name = health_checks::text::printable(name);
    bail!(
        "'{name}' is not a good name for a check: letters, digits, '.', '_' and '-' are, up to {NAME_MAX}, \
         without '.check'{hint}"
    )
}
