//! `health-checker config`: the effective configuration, and which line of which file it comes from.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use health_checks::Root;
use health_checks::config::{self, Config, Effective, Place};
use health_checks::text::sentence;

use crate::commands::table::{Color, Table};

/// Prints it. The exit status is 1 if anything in the files is wrong.
///
/// # Errors
/// When nobody reads the output.
pub fn config(root: &Root, as_json: bool) -> Result<ExitCode> {
    let config = config::load(root);
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{:#}", to_json(&config))?;
    } else {
        print(&config, &mut out)?;
    }
    Ok(if config.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(config: &Config, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(&["OPTION", "VALUE", "FROM"]);
    for option in config.effective() {
        let from = match places(&option) {
            places if places.is_empty() => "default".to_owned(),
            places => places.join(", "),
        };
        table.row(vec![
            (
                format!("[{}] {}", option.section, option.name),
                Color::Plain,
            ),
            (
                if option.value.is_empty() {
                    "-".to_owned()
                } else {
                    option.value
                },
                Color::Plain,
            ),
            (from, Color::Plain),
        ]);
    }
    table.print(out)?;
    for ignored in &config.ignored {
        writeln!(out, "\nNot read: {}", sentence(&ignored.to_string()))?;
    }
    for error in &config.errors {
        let error = sentence(&error.to_string());
        writeln!(out, "\n{} {error}", Color::Red.paint("Error:"))?;
    }
    if !config.errors.is_empty() {
        writeln!(out, "Nothing is acted on before this is repaired.")?;
    }
    Ok(())
}

fn to_json(config: &Config) -> serde_json::Value {
    let options: Vec<serde_json::Value> = config
        .effective()
        .iter()
        .map(|option| {
            serde_json::json!({
                "section": option.section,
                "option": option.name,
                "value": option.value,
                "from": places(option),
            })
        })
        .collect();
    let errors: Vec<String> = config.errors.iter().map(ToString::to_string).collect();
    let files: Vec<_> = config
        .files
        .iter()
        .map(|path| path.to_string_lossy())
        .collect();
    serde_json::json!({"version": 1, "options": options, "files": files, "errors": errors})
}

fn places(option: &Effective) -> Vec<String> {
    option.places.iter().map(Place::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_effect_comes_with_its_origin_and_what_is_wrong_with_its_line() {
        let text = "[Checks]\nDisable=a\nDisable=b\n[Boot]\nActInContainer=maybe\n";
        let config = config::merge(&[("/etc/x.conf".into(), text.to_owned())]);
        let mut out = Vec::new();
        print(&config, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line("[Checks] Disable"),
            "[Checks] Disable a b /etc/x.conf:2, /etc/x.conf:3"
        );
        assert_eq!(
            line("[Boot] ActInContainer"),
            "[Boot] ActInContainer no default"
        );
        assert!(line("Error:").starts_with("Error: /etc/x.conf:5: 'ActInContainer='"));
        let json = to_json(&config);
        let from = |name: &str| {
            let options = json["options"].as_array().unwrap();
            let option = options.iter().find(|option| option["option"] == name);
            option.unwrap()["from"].clone()
        };
        assert_eq!(from("Disable")[1], "/etc/x.conf:3");
        assert_eq!(from("ActInContainer"), serde_json::json!([]));
    }
}
