//! Shell globs on names, as glob(7) has them: `*`, `?`, `[a-z]`, `[!a]`.

/// Whether the whole of `text` fits `pattern`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last '*' does not fit: one character later.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            p += 1;
            star = Some((p, t));
        } else if let Some(length) = pattern.get(p..).and_then(|rest| fits(rest, text[t])) {
            p += length;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many characters of the pattern stand for this one, if they do.
fn fits(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        [] => None,
        ['?', ..] => Some(1),
        ['[', rest @ ..] => match class(rest, c) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            // Without its end it is an ordinary character.
            None => (c == '[').then_some(1),
        },
        [first, ..] => (*first == c).then_some(1),
    }
}

/// Whether a character belongs to a class, and how long that is, its `]` included.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern, ['!' | '^', ..]);
    let start = usize::from(negated);
    // A ']' at the begin belongs to the class.
    let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut members = &pattern[start..end];
    let mut found = false;
    while let [first, rest @ ..] = members {
        members = match rest {
            ['-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&c);
                rest
            }
            _ => {
                found |= *first == c;
                rest
            }
        };
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text) in [
            ("sshd.sh", "sshd.sh"),
            ("*", ""),
            ("*.sh", "a.sh.sh"),
            ("a*b*c", "axxbyybzc"),
            ("health-check@*.service", "health-check@x.service"),
            ("?ü", "üü"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[^-]", "a"),
            ("[a", "[a"),
            (r"two\x20words", r"two\x20words"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("sshd", "sshd.sh"),
            ("?", ""),
            ("*.sh", "a.sh~"),
            ("a*b*c", "axxcyyb"),
            ("[a-c]x", "dx"),
            ("[!a-c]x", "bx"),
            ("[a", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
