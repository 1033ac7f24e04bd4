//! Foreign text made fit for one line of a log, and the wildcards of unit names.

use std::fmt;

/// The most that a message shows of a foreign text.
const EXCERPT_CHARS: usize = 160;

/// What is not written but does something to what is: control characters, line ends, and the marks that turn the
/// direction of the text around them, so that it reads as something else.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line: spaces run together, control characters left out, cut when long.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || is_control(c))
        .filter(|word| !word.is_empty())
        // There may be a MiB of them.
        .take(EXCERPT_CHARS + 1)
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// The text without control characters and line ends, so that it cannot disturb a terminal or log.
pub fn plain(text: &str) -> String {
    text.replace(is_control, " ")
}

/// What an error says, for people: without the number that Rust puts behind the words of the system. To be used
/// wherever an error becomes part of a sentence.
pub fn reason(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    let Some((words, rest)) = text.split_once(" (os error ") else {
        return text;
    };
    match rest.split_once(')') {
        Some((_, rest)) => format!("{words}{rest}"),
        None => text,
    }
}

/// The text on one line in single ticks; "nothing" for an empty one.
pub fn quoted(text: &str) -> String {
    match one_line(text).as_str() {
        "" => "nothing".into(),
        line => format!("'{line}'"),
    }
}

/// Several names, each in single ticks.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("'{}'", name.as_ref()))
        .collect();
    quoted.join(", ")
}

/// Whether systemd would take this for a pattern of unit names.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a name matches a pattern with `*`, `?` and `[abc]`, `[a-z]`, `[!abc]` (glob(7)).
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on if a later part does not match: behind the last `*`, one character further.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
        } else if let Some(length) = matches_one(&pattern[p..], name[n]) {
            p += length;
            n += 1;
        } else if let Some((after_star, start)) = retry {
            (p, n) = (after_star, start + 1);
            retry = Some((after_star, start + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How much of the pattern this one character takes, if it matches.
fn matches_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            // A bracket right behind the first, or behind its !, is a character like others.
            let negated = matches!(pattern.get(1), Some('!' | '^'));
            let first = if negated { 2 } else { 1 };
            let Some(length) = pattern.iter().skip(first + 1).position(|c| *c == ']') else {
                return (c == '[').then_some(1);
            };
            let end = first + 1 + length;
            (in_set(&pattern[first..end], c) != negated).then_some(end + 1)
        }
        literal => (*literal == c).then_some(1),
    }
}

fn in_set(mut set: &[char], c: char) -> bool {
    loop {
        match set {
            [] => return false,
            [low, '-', high, ..] if (*low..=*high).contains(&c) => return true,
            [_, '-', _, rest @ ..] => set = rest,
            [one, rest @ ..] => {
                if *one == c {
                    return true;
                }
                set = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line(" a\n\tb \x1b[31mc\r\n"), "a b [31mc");
        assert_eq!(plain("a\nb\x07c  d"), "a b c  d");
        assert_eq!(quoted("\n"), "nothing");
        for long in ["ä".repeat(1000), "y\n".repeat(1000)] {
            let cut = one_line(&long);
            assert_eq!(cut.chars().count(), EXCERPT_CHARS + 1);
            assert!(cut.ends_with('…'));
        }
    }

    #[test]
    fn what_turns_the_text_around_is_left_out() {
        for c in "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{85}\u{9b}\u{7f}".chars() {
            let text = format!("a{c}b");
            assert_eq!((plain(&text).as_str(), one_line(&text).as_str()), ("a b", "a b"), "{c:?}");
        }
        // Letters that are written from right to left are no marks.
        assert_eq!(plain("\u{5d0}\u{627}"), "\u{5d0}\u{627}");
    }

    #[test]
    fn errors_are_words_without_numbers() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(reason(&refused), "Connection refused");
        assert_eq!(
            reason(&format!("io: {refused}, twice")),
            "io: Connection refused, twice"
        );
        for text in ["", "plain", "broken (os error 1"] {
            assert_eq!(reason(&text), text);
        }
    }

    #[test]
    fn patterns_match_as_glob_does() {
        for (pattern, name, expected) in [
            ("ssh.service", "ssh.service", true),
            ("ssh.service", "ssh.servic", false),
            ("ssh*", "ssh.service", true),
            ("*", "", true),
            ("*.service", "a.service", true),
            ("*.service", "a.service.d", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a[bc]d", "acd", true),
            ("a[!bc]d", "acd", false),
            ("a[0-9]", "a7", true),
            ("a[0-9]", "ax", false),
            ("a[]]b", "a]b", true),
            ("a[b", "a[b", true),
            ("[!]]", "x", true),
            ("a[", "a[", true),
            ("app@*.service", "app@a\\x20b.service", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
