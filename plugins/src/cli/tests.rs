//! The command line has every probe, whole.

mod agreement;

use super::*;
use clap::CommandFactory;

const PAGE: &str = include_str!("../../../docs/health-probe.1");

/// The words of a line as a shell has them, for what the examples of the help use of it.
fn shell_words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take().map(OsString::from)),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "{line}");
    words.extend(word.map(OsString::from));
    words
}

/// The examples in the help of a probe.
fn examples(command: &mut clap::Command) -> Vec<String> {
    let help = command.render_long_help().to_string();
    let begin = format!("  health-probe {}", command.get_name());
    help.lines()
        .filter(|line| line.starts_with(&begin))
        .map(|line| line.trim_start().to_owned())
        .collect()
}

fn both_ways(line: &str) {
    let words = shell_words(line);
    let long = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
    let quick = Cli::quick(&words).map(|cli| format!("{cli:?}"));
    assert_eq!(quick, Some(format!("{long:?}")), "{line}");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
    let line = "health-probe tcp localhost:22 --timeout '1min 30s'";
    let cli = Cli::try_parse_from(shell_words(line)).unwrap();
    assert_eq!(cli.patience.timeout, Duration::from_secs(90));
}

#[test]
fn every_probe_has_help_with_an_example_and_is_in_the_manual() {
    let page = PAGE.replace("\\-", "-");
    for command in Cli::command().get_subcommands_mut() {
        let name = command.get_name().to_owned();
        assert!(!examples(command).is_empty(), "{name}");
        let (_, section) = page
            .split_once(&format!("\n.SS {name}"))
            .unwrap_or_else(|| panic!("health-probe(1) has no '{name}'"));
        let section = section.split("\n.S").next().unwrap();
        let options = command.get_arguments().filter_map(clap::Arg::get_long);
        for option in options.filter(|option| !["help", "timeout"].contains(option)) {
            assert!(
                section.contains(&format!("--{option}")),
                "{name}: --{option}"
            );
        }
    }
}

#[test]
fn the_quick_way_understands_every_command_as_the_long_way_does() {
    for command in Cli::command().get_subcommands_mut() {
        // It is for units that do nothing else.
        if command.get_name() == "defect" {
            continue;
        }
        for example in examples(command) {
            both_ways(&example);
        }
    }
    for line in [
        "health-probe unit a b* --stable 0 --timeout=5s",
        "health-probe tcp [::1]:80 --timeout 1min",
        "health-probe http http://localhost/ --status 2xx,404 --header A:b",
        "health-probe file --timeout 5 -- /x",
        "health-probe command-output --contains x -- echo --timeout x",
    ] {
        both_ways(line);
    }
    for line in ["", "tcp", "tcp --help", "--timeout 5 tcp a:1", "defect x"] {
        let words = shell_words(&format!("health-probe {line}"));
        assert!(Cli::quick(&words).is_none(), "{line}");
    }
}
