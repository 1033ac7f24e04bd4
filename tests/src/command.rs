//! Owns running host programs: output is captured, and a failure says what was run and what it answered.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program to its end, whatever its exit status.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run '{}'", shown(command)))
}

/// Runs a program that must succeed, and returns its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!(
            "'{}' failed with {}\n{}",
            shown(command),
            output.status,
            both(&output)
        );
    }
    Ok(text(&output.stdout))
}

/// Bytes as text, for showing them.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a program wrote, standard error last.
fn both(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_command_its_status_and_its_words() {
        let error = run(Command::new("sh").args(["-c", "echo out; echo why >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        for part in ["'sh -c", "exit status: 3", "out\nwhy"] {
            assert!(error.contains(part), "'{part}' is not in '{error}'");
        }
    }

    #[test]
    fn missing_program_is_named() {
        let error = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run '/no/such/program'");
    }
}
