//! Owns running host programs: output is captured, and a failure says what was run and what it answered.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often a program that might have been stopped is told to go on.
const WAKE: Duration = Duration::from_millis(250);

/// Runs a program to its end, whatever its exit status.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let what = format!("cannot run '{}'", shown(command));
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = piped
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| what.clone())?;
    let group = Pid::from_child(&child);
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        // A machine that shuts down stops what runs inside before it kills it, and nsenter(1) then stops itself too:
        // for ever, with the machine's last process unreaped, if nobody wakes it up.
        scope.spawn(move || {
            while is_done.recv_timeout(WAKE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process_group(group, Signal::CONT);
            }
        });
        let output = child.wait_with_output().context(what);
        drop(done);
        output
    })
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
