//! `/etc/health-checker/health-checker.conf`: `[Boot] ActInContainer=`. A broken file is never silently the default.

use std::fs;
use std::io;

use health_checks::Root;
use ini::{Ini, ParseOption};

/// Path of the file.
pub const PATH: &str = "/etc/health-checker/health-checker.conf";

const NO_SYNTAX: &str = "neither '[Section]' nor 'Option=value' nor a comment";

/// What the administrator wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Act in a container as on a machine.
    pub act_in_container: bool,
    /// What is wrong with the file: with anything in here, nothing is acted on.
    pub errors: Vec<String>,
}

/// Reads the configuration below a root. No file is no error.
pub fn load(root: &Root) -> Config {
    let path = root.join(PATH);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Config::default(),
        Err(error) => Config {
            errors: vec![format!("'{PATH}': {error}")],
            ..Config::default()
        },
    }
}

/// Understands the text of the file.
pub fn parse(text: &str) -> Config {
    let mut config = Config::default();
    let mut error =
        |line: usize, what: String| config.errors.push(format!("'{PATH}', line {line}: {what}"));
    let options = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        ..ParseOption::default()
    };
    if let Some(line) = odd_line(text) {
        error(line, NO_SYNTAX.to_owned());
        return config;
    }
    let ini = match Ini::load_from_str_opt(text, options) {
        Ok(ini) => ini,
        Err(broken) => {
            error(broken.line, broken.msg.to_string());
            return config;
        }
    };
    let mut act_in_container = None;
    for (section, properties) in &ini {
        for (key, value) in properties {
            match (section, key) {
                (Some("Boot"), "ActInContainer") => match boolean(value) {
                    Some(value) => act_in_container = Some(value),
                    None => error(
                        line_of(text, key),
                        format!("'ActInContainer={value}': 'yes' or 'no' is wanted"),
                    ),
                },
                (Some("Boot"), _) => error(
                    line_of(text, key),
                    format!("unknown option '{key}': [Boot] knows 'ActInContainer='"),
                ),
                (Some(section), _) => error(
                    line_of(text, section),
                    format!("unknown section '[{section}]': '[Boot]' is known"),
                ),
                (None, _) => error(
                    line_of(text, key),
                    format!("option '{key}' before any section: '[Boot]' is wanted above it"),
                ),
            }
        }
    }
    config.act_in_container = act_in_container.unwrap_or_default() && config.errors.is_empty();
    config
}

/// The parser reads on behind a line that it does not understand; this is the line that it means.
fn odd_line(text: &str) -> Option<usize> {
    let understood = |line: &str| {
        line.is_empty()
            || line.starts_with(['#', ';'])
            || (line.starts_with('[') && line.ends_with(']'))
            || (!line.starts_with('[') && line.contains('='))
    };
    text.lines()
        .position(|line| !understood(line.trim()))
        .map(|index| index + 1)
}

/// Booleans as systemd.syntax(7) has them.
fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// The parser keeps no line numbers: the first line that begins with the word, comments aside.
fn line_of(text: &str, word: &str) -> usize {
    let begins = |line: &str| line.trim_start().trim_start_matches('[').starts_with(word);
    text.lines().position(begins).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_read() {
        assert!(parse("# comment\n[Boot]\nActInContainer=yes\n").act_in_container);
        assert!(parse("[Boot]\nActInContainer = on\n").act_in_container);
        assert_eq!(parse("[Boot]\nActInContainer=no\n"), Config::default());
        assert_eq!(parse(""), Config::default());
        assert_eq!(parse("[Boot]\n"), Config::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_nothing_else_of_the_file_counts() {
        for (text, line, what) in [
            ("[Boot]\nActInContainer=maybe\n", 2, "'yes' or 'no'"),
            (
                "[Boot]\nActInContainer=yes\nActInContainr=yes\n",
                3,
                "unknown option 'ActInContainr'",
            ),
            (
                "[Boot]\nActInContainer=yes\n\n[Bot]\nX=1\n",
                4,
                "unknown section '[Bot]'",
            ),
            ("ActInContainer=yes\n", 1, "before any section"),
            ("[Boot]\nActInContainer=yes\n[Boot", 3, "neither"),
            ("[Boot]\nnonsense\nActInContainer=yes\n", 2, "neither"),
        ] {
            let config = parse(text);
            assert!(!config.act_in_container, "{text}");
            assert_eq!(config.errors.len(), 1, "{text}: {:?}", config.errors);
            assert!(
                config.errors[0].contains(&format!("line {line}")),
                "{:?}",
                config.errors
            );
            assert!(config.errors[0].contains(what), "{:?}", config.errors);
        }
    }
}
