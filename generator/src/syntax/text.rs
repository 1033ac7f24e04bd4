//! Text for people: what others wrote (names of files, output of programs, errors of the system) on its way to a terminal,
//! a log or a login.

/// What would not be shown but do something to whatever shows it: control characters, line and paragraph separators,
/// and what turns the direction of the text around it (Unicode's Bidi_Control).
fn does_something(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line that is what it looks like. What cannot be shown becomes U+FFFD.
pub fn printable(text: &str) -> String {
    text.replace(does_something, "\u{fffd}")
}

/// The same for a sentence with what the system said in it: without the numbers of its errors, and once. Errors are
/// often wrapped in others that say the same.
pub fn sentence(text: &str) -> String {
    let mut sentence = String::new();
    let mut rest = text;
    while let Some((before, number, mut after)) = error_number(rest) {
        let said = before.rsplit_once(": ").map_or(before, |(_, said)| said);
        let again = format!(": {said}{number}");
        while let Some(more) = after.strip_prefix(&again) {
            after = more;
        }
        sentence.push_str(before);
        rest = after;
    }
    sentence.push_str(rest);
    printable(&sentence)
}

/// The first ` (os error N)`, as Rust writes it, between what is before and after it.
fn error_number(text: &str) -> Option<(&str, &str, &str)> {
    const BEGIN: &str = " (os error ";
    let from = text.match_indices(BEGIN).find_map(|(at, _)| {
        let number = &text[at + BEGIN.len()..];
        let digits = number.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_number = digits.len() < number.len() && digits.starts_with(')');
        is_number.then(|| (at, text.len() - digits.len() + 1))
    });
    let (at, end) = from?;
    Some((&text[..at], &text[at..end], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_something_to_a_terminal_is_not_printed() {
        let all: Vec<char> = ('\0'..=char::MAX).filter(|c| does_something(*c)).collect();
        // 65 control characters, 2 separators, 12 of Bidi_Control.
        assert_eq!(all.len(), 65 + 2 + 12, "{all:?}");
        assert_eq!(
            printable("a\u{1b}[31mb\u{202e}c\u{2028}d\u{85}e\n\u{2069} \u{fc} \u{5e9}"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}\u{fffd} \u{fc} \u{5e9}"
        );
    }

    #[test]
    fn what_the_system_said_is_said_once_and_without_its_number() {
        for (text, expected) in [
            (
                "no bus: Connection refused (os error 111): Connection refused (os error 111)",
                "no bus: Connection refused",
            ),
            (
                "Connection refused (os error 111): Connection refused (os error 111); see x",
                "Connection refused; see x",
            ),
            (
                "a: No such file or directory (os error 2); b: Permission denied (os error 13): c",
                "a: No such file or directory; b: Permission denied: c",
            ),
            ("a (os error 2): b (os error 2)", "a: b"),
            (
                "a (os error x), (os error ), (os error 5",
                "a (os error x), (os error ), (os error 5",
            ),
            (" (os error 5)", ""),
            (
                "\u{fc} (os error 5): \u{fc} (os error 5)\n",
                "\u{fc}\u{fffd}",
            ),
            ("a: a: a", "a: a: a"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), expected);
        }
        let real = std::io::Error::from_raw_os_error(2).to_string();
        assert_eq!(sentence(&real), "No such file or directory");
    }
}
