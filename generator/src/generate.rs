//! The work: reasons to do nothing, units for systemd, or the same printed for people.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use health_checks::{
    Content, GENERATOR_DIRECTORY, Mode, Root, Stage, Step, TARGET, blessing, command_line,
    deadline, files, find, scan, write, write_drop_in,
};

use crate::guard::Guard;
use crate::kmsg::{Level, Log};

/// Why nothing is to be generated, if so.
pub(crate) fn reason_for_nothing(root: &Root, guard: &Guard) -> Option<&'static str> {
    if std::env::var_os("SYSTEMD_SCOPE").is_some_and(|scope| scope == "user") {
        return Some("users have no health checks");
    }
    // systemd says so since 251; before, only the file tells.
    let initrd = match std::env::var_os("SYSTEMD_IN_INITRD") {
        Some(value) => value == "1",
        None => root.join("/etc/initrd-release").exists(),
    };
    if initrd {
        return Some("in the initrd");
    }
    guard.looks_at(Path::new("/proc/cmdline"));
    (command_line(root) == Mode::Off).then_some("'health-checker=0' on the kernel command line")
}

/// Writes the units below `out`, each as soon as its check is found: whatever happens to the next one.
pub(crate) fn generate(root: &Root, out: &Path, log: &Log, guard: &Guard) -> ExitCode {
    let mut failed = false;
    let mut checks = 0_usize;
    if let Err(error) = write_drop_in(blessing(root, out)) {
        failed = true;
        log.say(Level::Error, &format!("boot-complete.target: {error}"));
    }
    scan(root, Stage::Early, |step| match step {
        Step::Look(path) => guard.looks_at(path),
        Step::Configuration(config) => {
            for error in &config.errors {
                log.say(Level::Warning, &error.to_string());
            }
            if let Err(error) = write_drop_in(deadline(config, out)) {
                failed = true;
                log.say(Level::Error, &format!("'DeadlineSec=': {error}"));
            }
        }
        Step::Check(check) => {
            checks += 1;
            if let Err(error) = write(&check, out, &check.dependency_directory(TARGET)) {
                failed = true;
                log.say(Level::Error, &format!("check '{}': {error}", check.name));
            }
        }
        Step::Ignored(ignored) => log.say(Level::Debug, &format!("ignored {ignored}")),
        Step::Warning(warning) => log.say(Level::Warning, &warning.to_string()),
    });
    if checks == 0 {
        log.say(Level::Debug, "no checks");
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints what would be written; what is ignored or wrong goes to stderr.
pub(crate) fn dry_run(root: &Root) -> ExitCode {
    let log = Log::stderr();
    let found = find(root, Stage::Early);
    let out = Path::new(GENERATOR_DIRECTORY);
    let mut text = String::new();
    let of_checks = found
        .checks
        .iter()
        .flat_map(|check| files(check, out, &check.dependency_directory(TARGET)));
    let of_ours = blessing(root, out)
        .into_iter()
        .chain(deadline(&found.config, out));
    for (path, content) in of_ours.chain(of_checks) {
        let path = path.display();
        let _ = match content {
            Content::Text(content) => write!(text, "--- {path}\n{content}\n"),
            Content::Link(target) => {
                let target = health_checks::name::readable(target.as_os_str());
                write!(text, "--- {path} -> {target}\n\n")
            }
        };
    }
    for ignored in &found.ignored {
        log.say(Level::Debug, &format!("ignored {ignored}"));
    }
    for warning in found.config.errors.iter().chain(&found.warnings) {
        log.say(Level::Warning, &warning.to_string());
    }
    if command_line(root) == Mode::Off {
        log.say(
            Level::Warning,
            "nothing of this is written with 'health-checker=0' on the kernel command line",
        );
    }
    print(&text)
}

/// Prints to stdout. That a reader such as `head` has seen enough is no failure.
pub(crate) fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            Log::stderr().say(Level::Error, &format!("cannot print: {error}"));
            ExitCode::FAILURE
        }
    }
}
