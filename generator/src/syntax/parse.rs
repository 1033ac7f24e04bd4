//! The syntax of systemd.syntax(7): text in, assignments with their lines out. Opens nothing, knows no key.
//!
//! Not by the crate `ini`, which the runner uses for what health-checker 1.x wrote: it splits keys at `:` as well, takes
//! a line without `=` for the begin of the next one's key, ends a value at a carriage return, and keeps no
//! line numbers. Once lines are joined and counted, all that would be left to it is one `split_once('=')`.

/// White space, as systemd has it.
const WHITE: [char; 2] = [' ', '\t'];

/// Longest piece of a line that is repeated in a message, in characters.
const SHOWN_MAX: usize = 60;

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name of the section, without brackets.
    pub section: String,
    /// What is left of the first `=`.
    pub key: String,
    /// What is right of it, continuation lines joined, without white space around it.
    pub value: String,
    /// The line on which it begins, counted from 1.
    pub line: u32,
}

/// Something that is neither an assignment, a section nor a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong and what is allowed.
    pub text: String,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Section headers with their lines, also of sections without any entry.
    pub sections: Vec<(String, u32)>,
    /// All assignments, in their order.
    pub entries: Vec<Entry>,
    /// All lines that would get lost otherwise.
    pub problems: Vec<SyntaxError>,
}

/// Reads a file. Whatever is wrong with one line, the others are read.
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    let without_mark = text.strip_prefix('\u{feff}');
    if without_mark.is_some() {
        reader.problem(
            1,
            "the file begins with a byte order mark; save it as plain UTF-8",
        );
    }
    let lines = without_mark.unwrap_or(text).split('\n');
    for (number, line) in (1..).zip(lines) {
        reader.line(number, line.strip_suffix('\r').unwrap_or(line));
    }
    if let Some((number, line)) = reader.unfinished.take() {
        // The last line of a file goes on with nothing; systemd takes it as it is.
        reader.joined(number, &line);
    }
    reader.parsed
}

/// Where keys go.
#[derive(Default)]
enum CurrentSection {
    #[default]
    BeforeAnySection,
    In(String),
    /// A header was broken and is reported; its keys are lost with it.
    Lost,
}

#[derive(Default)]
struct Reader {
    section: CurrentSection,
    unfinished: Option<(u32, String)>,
    parsed: Parsed,
}

impl Reader {
    fn problem(&mut self, line: u32, text: impl Into<String>) {
        let text = text.into();
        self.parsed.problems.push(SyntaxError { line, text });
    }

    fn line(&mut self, number: u32, line: &str) {
        let line = line.trim_start_matches(WHITE);
        if line.starts_with(['#', ';']) {
            // Also between the lines of one value.
            return;
        }
        let (begin, mut whole) = self.unfinished.take().unwrap_or((number, String::new()));
        if line.contains(is_odd) {
            // systemd would end the line at some of them: nothing of that kind may reach a unit.
            self.problem(
                number,
                "there is a control character in this line; remove it",
            );
            whole.push_str(&line.replace(is_odd, "\u{fffd}"));
        } else {
            whole.push_str(line);
        }
        if ends_in_backslash(&whole) {
            whole.pop();
            whole.push(' ');
            self.unfinished = Some((begin, whole));
        } else {
            self.joined(begin, &whole);
        }
    }

    fn joined(&mut self, number: u32, line: &str) {
        let line = line.trim_matches(WHITE);
        if line.is_empty() {
            return;
        }
        if let Some(header) = line.strip_prefix('[') {
            self.section = if let Some(name) = header.strip_suffix(']') {
                self.parsed.sections.push((name.to_owned(), number));
                CurrentSection::In(name.to_owned())
            } else {
                let text = format!("the section header '{}' does not end in ']'", shown(line));
                self.problem(number, text);
                CurrentSection::Lost
            };
            return;
        }
        let Some((key, value)) = line.split_once('=') else {
            let text = format!(
                "'{}' is neither '[Section]' nor 'Key=value' nor a '# comment'",
                shown(line)
            );
            return self.problem(number, text);
        };
        let key = key.trim_end_matches(WHITE);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if key.is_empty() || !key.chars().all(plain) {
            let text = format!(
                "'{}=' is no key: one consists of letters, digits and dashes",
                shown(key)
            );
            return self.problem(number, text);
        }
        match &self.section {
            CurrentSection::In(section) => self.parsed.entries.push(Entry {
                section: section.clone(),
                key: key.to_owned(),
                value: value.trim_start_matches(WHITE).to_owned(),
                line: number,
            }),
            CurrentSection::BeforeAnySection => {
                let text = format!("'{key}=' is in no section; write the '[Section]' above it");
                self.problem(number, text);
            }
            CurrentSection::Lost => {}
        }
    }
}

/// Whether the next line belongs to this one: a backslash that is not itself escaped.
pub(crate) fn ends_in_backslash(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn is_odd(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// The begin of something that may be long.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, String, u32)> {
        let parsed = parse(text);
        assert_eq!(parsed.problems, [], "{text}");
        let entry = |entry: Entry| {
            (
                format!("{}.{}", entry.section, entry.key),
                entry.value,
                entry.line,
            )
        };
        parsed.entries.into_iter().map(entry).collect()
    }

    fn one(text: &str) -> String {
        let mut found = entries(text);
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0).1
    }

    #[test]
    fn values() {
        for (text, value) in [
            ("[A]\nK=v", "v"),
            ("  [A]  \n\t K \t= v  \n", "v"),
            ("[A]\r\nK=a b\r\n", "a b"),
            ("[A]\nK=a=b:c", "a=b:c"),
            ("[A]\nK=", ""),
            ("[A]\nK=a \\\n  b", "a  b"),
            ("[A]\r\nK=a\\\r\nb\r\n", "a b"),
            ("[A]\nK=a\\\n# one\n  ; two\nb", "a b"),
            ("[A]\nK=a\\\n\n# x\n", "a"),
            ("[A]\nK=a\\", "a"),
            ("[A]\nK=a\\\\\n", "a\\\\"),
            ("[A]\nK=a\\\\\\\nb", "a\\\\ b"),
            ("[A]\nK=a\\ \n", "a\\"),
            ("[A]\nK=\"q\" 'r' # no comment", "\"q\" 'r' # no comment"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_where_a_value_begins() {
        let text = "# c\n[A]\n\nK=1\\\n2\nL=3\n[B]\n;\nK=4\n";
        let expected = [("A.K", "1 2", 4), ("A.L", "3", 6), ("B.K", "4", 9)];
        let found = entries(text);
        let found: Vec<_> = found
            .iter()
            .map(|(key, value, line)| (key.as_str(), value.as_str(), *line))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            parse(text).sections,
            [("A".to_owned(), 2), ("B".to_owned(), 7)]
        );
    }

    #[test]
    fn nothing_is_lost_in_silence() {
        for (text, line, what) in [
            ("K=v\n", 1, "'K=' is in no section"),
            ("[A]\nnonsense\n", 2, "neither"),
            ("[A]\nHttp: x\n", 2, "neither"),
            ("[A]\n=v\n", 2, "is no key"),
            ("[A]\nK[x]=v\n", 2, "is no key"),
            ("[A]\n[B\nK=v\n", 2, "does not end in ']'"),
            ("\n[A] x\n", 2, "does not end in ']'"),
            ("\u{feff}[A]\nK=v\n", 1, "byte order mark"),
            ("[A]\nK=a\rL=b\n", 2, "control character"),
            ("[A]\nK=a\\\nb\0\n", 3, "control character"),
        ] {
            let problems = parse(text).problems;
            assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
            assert_eq!(problems[0].line, line, "{text:?}");
            assert!(problems[0].text.contains(what), "{text:?}: {problems:?}");
        }
    }

    #[test]
    fn what_is_odd_never_reaches_a_value() {
        assert_eq!(
            parse("[A]\nK=a\rb\0c\n").entries[0].value,
            "a\u{fffd}b\u{fffd}c"
        );
        assert_eq!(parse("\u{feff}[A]\nK=v\n").entries.len(), 1);
    }

    #[test]
    fn long_lines_are_shown_short() {
        let text = format!("[A]\n{}\n", "ü".repeat(1000));
        assert!(parse(&text).problems[0].text.len() < 250);
    }
}
