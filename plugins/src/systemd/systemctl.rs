//! The slow way to ask systemd: through systemctl, which finds a way for every user.

use super::{PROPERTIES, Properties};
use crate::outcome::{Limit, Problem};
use crate::program;

/// Asks for units by name or pattern, in one go.
pub fn show(units: &[&str], limit: Limit) -> Result<Vec<Properties>, Problem> {
    let names: Vec<&str> = PROPERTIES.iter().map(|(name, _)| *name).collect();
    let properties = format!("--property={}", names.join(","));
    let mut arguments = vec!["show", &properties, "--"];
    arguments.extend_from_slice(units);
    Ok(parse(&systemctl(&arguments, limit)?))
}

/// The names of the failed units.
pub fn failed(limit: Limit) -> Result<Vec<String>, Problem> {
    let text = systemctl(
        &[
            "list-units",
            "--state=failed",
            "--plain",
            "--no-legend",
            "--full",
        ],
        limit,
    )?;
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(names.map(String::from).collect())
}

fn systemctl(arguments: &[&str], limit: Limit) -> Result<String, Problem> {
    let ran = program::run("systemctl", arguments, limit)?;
    match ran.status.success() {
        true => Ok(ran.stdout),
        false => Err(Problem::not_yet(format!(
            "'systemctl' with {}, saying {}",
            ran.ending(),
            ran.said()
        ))),
    }
}

/// Units are separated by an empty line.
pub fn parse(text: &str) -> Vec<Properties> {
    text.split("\n\n")
        .map(|block| {
            let pairs = block.lines().filter_map(|line| line.split_once('='));
            Properties(
                pairs
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
            )
        })
        .filter(|properties: &Properties| !properties.0.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_units() {
        let units = parse("Id=a.service\nNRestarts=3\nResult=\n\nId=b.mount\nno property\n\n\n");
        assert_eq!(units.len(), 2);
        assert_eq!(
            (units[0].get("Id"), units[0].number("NRestarts")),
            ("a.service", Some(3))
        );
        assert_eq!(
            (units[1].get("Id"), units[1].number("NRestarts")),
            ("b.mount", None)
        );
        assert_eq!(parse(""), []);
    }
}
