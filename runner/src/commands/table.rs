//! Text for people: columns, colour only on a terminal, times.

use std::io::{self, Write};

use health_checks::text::sentence;

use crate::model::facts::{CheckResult, Verdict};

/// Colours, where the output is a terminal that wants them (<https://no-color.org>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Good.
    Green,
    /// Worth a look.
    Yellow,
    /// Bad.
    Red,
    /// None.
    Plain,
}

impl Color {
    /// The colour of a result.
    pub fn of_result(result: CheckResult) -> Self {
        match result {
            CheckResult::Passed => Self::Green,
            CheckResult::Skipped | CheckResult::Pending => Self::Yellow,
            CheckResult::Failed | CheckResult::Timeout | CheckResult::Error => Self::Red,
        }
    }

    /// The colour of a verdict.
    pub fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Healthy => Self::Green,
            Verdict::Degraded | Verdict::Pending | Verdict::Unknown => Self::Yellow,
            Verdict::Unhealthy => Self::Red,
        }
    }

    /// Paints a text.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "1;31",
            Self::Plain => return text.to_owned(),
        };
        if on_terminal() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn on_terminal() -> bool {
    rustix::termios::isatty(io::stdout())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A table: the first row is the heading. Cells are as wide as their widest text; control characters of names cannot
/// break it.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<(String, Color)>>,
}

impl Table {
    /// With a heading.
    pub fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![
                heading
                    .iter()
                    .map(|text| ((*text).to_owned(), Color::Plain))
                    .collect(),
            ],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<(String, Color)>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|(text, color)| (sentence(&text), color))
                .collect(),
        );
    }

    /// Whether there is nothing below the heading.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Prints it.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cells = |column| {
            self.rows
                .iter()
                .filter_map(move |row: &Vec<(String, Color)>| row.get(column))
        };
        let width = |column: usize| cells(column).map(|cell| cell.0.chars().count()).max();
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or_default())
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((text, color), width) in row.iter().zip(&widths) {
                let padding = " ".repeat(width - text.chars().count() + 2);
                line.push_str(&color.paint(text));
                line.push_str(&padding);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_names_cannot_break_them() {
        let mut table = Table::new(&["NAME", "RESULT"]);
        table.row(vec![
            ("a\n\u{202e}b".to_owned(), Color::Plain),
            ("passed".to_owned(), Color::Green),
        ]);
        table.row(vec![
            ("longer".to_owned(), Color::Plain),
            ("failed".to_owned(), Color::Red),
        ]);
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NAME    RESULT\na\u{fffd}\u{fffd}b    passed\nlonger  failed\n"
        );
    }
}
