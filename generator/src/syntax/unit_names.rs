//! Names of units, as a file may give them (systemd.unit(5)).

use crate::syntax::parse::shown;

/// systemd.unit(5), "at most 255 characters".
const UNIT_MAX: usize = 255;

/// Kinds of unit files; a name without one of these endings is none.
const UNIT_TYPES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];

/// The names of units in a list; or what is wrong with one of them.
pub(crate) fn units(value: &str, globs: bool) -> Result<Vec<String>, String> {
    let words = value.split_whitespace();
    words
        .map(|word| match unit_problem(word, globs) {
            None => Ok(word.to_owned()),
            Some(problem) => Err(format!("'{}' {problem}", shown(word))),
        })
        .collect()
}

/// What is wrong with the name of a unit.
fn unit_problem(word: &str, globs: bool) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let glob = |c: char| globs && "*?[]!^".contains(c);
    let Some((stem, ending)) = word.rsplit_once('.') else {
        let text = "is not the name of a unit; did you mean";
        return Some(format!("{text} '{}.service'?", shown(word)));
    };
    if !UNIT_TYPES.contains(&ending) && !ending.contains(glob) {
        let text = "is not the name of a unit: it does not end in '.service' or another kind";
        return Some(format!("{text}; did you mean '{}.service'?", shown(word)));
    }
    if let Some(c) = word.chars().find(|c| !plain(*c) && !glob(*c)) {
        return Some(format!("is not the name of a unit: it contains '{c}'"));
    }
    if stem.is_empty() || stem.starts_with('@') || word.len() > UNIT_MAX {
        return Some("is not the name of a unit".to_owned());
    }
    stem.ends_with('@')
        .then(|| "is a template; name an instance such as 'getty@tty1.service'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units() {
        for good in [
            "nginx.service",
            "getty@tty1.service",
            r"a\x2db.mount",
            "a.b.socket",
        ] {
            assert_eq!(units(good, false), Ok(vec![good.to_owned()]));
        }
        for wrong in [
            "nginx",
            "a.b",
            "x*.service",
            ".service",
            "@x.service",
            "a@.service",
            "%i.service",
        ] {
            assert!(units(wrong, false).is_err(), "{wrong}");
        }
        for glob in ["x*.service", "x.*", "a[bc]?.timer"] {
            assert!(units(glob, true).is_ok(), "{glob}");
        }
        let text = units("a.socket nginx", false).unwrap_err();
        assert!(text.ends_with("did you mean 'nginx.service'?"), "{text}");
    }
}
