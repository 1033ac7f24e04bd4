//! `health-checker new NAME`: writes a commented check that works as it is, verifies it, and says how to try it.

mod name;
mod text;
mod write;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use health_checks::unit_files::{self, Presence};
use health_checks::{Origin, Root, Severity};

use crate::commands::verify;
use name::check_name;
use write::{put_back, write};

/// Where an administrator's files are.
const DIRECTORY: &str = "/etc/health-checker/checks.d";
/// Where others may have a file of the same name, which ours would replace.
const OTHERS: [&str; 2] = [
    "/run/health-checker/checks.d",
    "/usr/lib/health-checker/checks.d",
];
/// What to write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Options {
    /// Name of the check: letters, digits, '.', '_', '-'
    pub name: String,
    #[command(flatten)]
    subject: Subject,
    /// A failure is only reported
    #[arg(long)]
    wanted: bool,
    /// Replace what is there already
    #[arg(long)]
    force: bool,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[group(multiple = false)]
struct Subject {
    /// This unit is active and stays so; without any option, the service called NAME
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Something listens there
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Option<String>,
    /// A web page answers
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// Something is mounted there
    #[arg(long, value_name = "PATH")]
    mount: Option<String>,
    /// This command ends with success; no shell is involved
    #[arg(long, value_name = "CMD")]
    command: Option<String>,
    /// A shell script to fill in, in /usr/local/libexec/health-checker
    #[arg(long)]
    script: bool,
}

/// A file to write.
struct NewFile {
    path: PathBuf,
    mode: u32,
    text: String,
}

/// Writes it. Exit status 0, or an error and nothing is written.
///
/// # Errors
/// When the name or a value is wrong, something is there already, or it cannot be written.
pub fn new(root: &Root, options: &Options) -> Result<ExitCode> {
    check_name(&options.name)?;
    let files = files(root, options)?;
    for file in &files {
        refuse_to_replace(root, &file.path, options.force)?;
    }
    let mut before = Vec::new();
    for file in &files {
        // To put it back: a file that is wrong would fail the next boot.
        before.push((file, fs::read(root.join(&file.path)).ok()));
        write(root, file, options.force)?;
    }
    let mut out = io::stdout().lock();
    let mut wrong = Vec::new();
    for finding in files
        .iter()
        .flat_map(|file| verify::installed(root, &file.path))
    {
        match finding.is_error() {
            true => wrong.push(finding.text),
            false => writeln!(out, "{finding}")?,
        }
    }
    if !wrong.is_empty() {
        for (file, before) in before {
            put_back(root, file, before)?;
        }
        bail!("nothing is written: {}", wrong.join("; "));
    }
    write!(out, "{}", advice(options, &files))?;
    Ok(ExitCode::SUCCESS)
}

fn files(root: &Root, options: &Options) -> Result<Vec<NewFile>> {
    let severity = match options.wanted {
        true => Severity::Wanted,
        false => Severity::Required,
    };
    let name = &options.name;
    let check_file = |text| NewFile {
        path: Path::new(DIRECTORY).join(format!("{name}.check")),
        mode: 0o644,
        text,
    };
    if options.subject.script {
        let mut files = vec![NewFile {
            path: Path::new(Origin::Local.directory()).join(name),
            mode: 0o755,
            text: text::script(name),
        }];
        if options.wanted {
            files.push(check_file(text::settings(name, severity)));
        }
        return Ok(files);
    }
    let probe = probe(root, name, &options.subject)?;
    let text = text::check(name, &probe, severity);
    let path = check_file(String::new()).path;
    let defined = health_checks::define(name.as_ref(), &[(path, text.clone())]);
    if let Some(defect) = defined.defects.first() {
        // The text names the key, and what it takes.
        bail!("{}", defect.text);
    }
    Ok(vec![check_file(text)])
}

/// Key, value, and the units that it is about.
fn probe(root: &Root, name: &str, subject: &Subject) -> Result<text::Probe> {
    let (key, value, unit) = match subject {
        Subject {
            unit: Some(unit), ..
        } => ("UnitActive", unit_name(unit), Some(unit_name(unit))),
        Subject { tcp: Some(tcp), .. } => ("TcpConnect", literal(tcp), None),
        Subject {
            http: Some(http), ..
        } => ("HttpGet", literal(http), None),
        Subject {
            mount: Some(mount), ..
        } => ("MountPoint", literal(mount), None),
        Subject {
            command: Some(command),
            ..
        } => {
            no_shell(command)?;
            ("Exec", literal(command), None)
        }
        _ => {
            let unit = unit_name(name);
            if !matches!(unit_files::presence(root, &unit), Presence::There(_)) {
                bail!(
                    "what is '{name}' to check? There is no unit '{unit}': name one with '--unit', or use '--tcp', \
                     '--http', '--mount', '--command' or '--script'; see 'health-checker new --help'"
                );
            }
            ("UnitActive", unit.clone(), Some(unit))
        }
    };
    if value.chars().any(char::is_control) || value.trim().is_empty() {
        bail!("the value of '{key}=' is empty or more than one line");
    }
    Ok(text::Probe { key, value, unit })
}

/// As systemctl takes it: `sshd` is `sshd.service`.
fn unit_name(unit: &str) -> String {
    if unit.contains('.') {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

/// What is typed on a command line is meant literally: '%' would begin a specifier.
fn literal(value: &str) -> String {
    value.replace('%', "%%")
}

/// Nothing is passed through a shell, so that these would be arguments.
fn no_shell(command: &str) -> Result<()> {
    let is_shell = |word: &str| ["|", "||", "&&", "&", ";", ">", ">>", "<"].contains(&word);
    if let Some(word) = command.split_whitespace().find(|word| is_shell(word)) {
        bail!(
            "'{word}' means something to a shell only, and none runs the command: use '--script', or \
             --command \"/bin/sh -c '…'\""
        );
    }
    Ok(())
}

fn refuse_to_replace(root: &Root, path: &Path, force: bool) -> Result<()> {
    if force {
        return Ok(());
    }
    let exists = |path: &Path| root.join(path).symlink_metadata().is_ok();
    if exists(path) {
        bail!(
            "'{}' exists already: edit it, or replace it with '--force'",
            path.display()
        );
    }
    let file_name = path.file_name().unwrap_or_default();
    let others = OTHERS.map(|directory| Path::new(directory).join(file_name));
    if path.starts_with(DIRECTORY)
        && let Some(other) = others.iter().find(|other| exists(other))
    {
        bail!(
            "'{}' exists and would not be used any more: change it with a drop-in '{}.d/50-local.conf', or \
             replace it with '--force'",
            other.display(),
            path.display()
        );
    }
    Ok(())
}

fn advice(options: &Options, files: &[NewFile]) -> String {
    let name = &options.name;
    // Quoted as people and shells read it.
    let paths: Vec<String> = files
        .iter()
        .map(|file| format!("'{}'", file.path.display()))
        .collect();
    let (wrote, paths) = (paths.join(" and "), paths.join(" "));
    format!(
        "Wrote {wrote}: counts from the next boot on.\n\
         Try it now, without consequences:  systemctl daemon-reload && health-checker check {name}\n\
         After a change:                    health-checker verify {paths}\n\
         Undo:                              rm {paths} && systemctl daemon-reload\n"
    )
}

#[cfg(test)]
mod tests;
