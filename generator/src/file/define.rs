//! From the assignments of `[Check]` to a check: settings, the command, and everything that is wrong.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::{Check, Kind, Origin, Severity};
use crate::file::keys::PROBE;
use crate::file::keys::{KEYS, Key, Needs, ProbeCommand, Role, options};
use crate::file::sandbox;
use crate::file::sections::{Assignment, Sections, merge};
use crate::files::name;
use crate::finding::Warning;
use crate::settings::{STABLE, Settings};
use crate::syntax::command_words::has_semicolon;
use crate::syntax::parse::ends_in_backslash;
use crate::syntax::quote::word;
use crate::syntax::span;
use crate::syntax::value::Value;

/// What a probe has when there is no `TimeoutSec=`.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A probe ends by itself, and says what it found, this long before systemd would kill it.
const PROBE_AHEAD: Duration = Duration::from_secs(5);

/// No probe has less than this.
const PROBE_LEAST: Duration = Duration::from_secs(1);

/// A check as its file has it, before anybody has looked for a plugin of that name.
pub(crate) struct Definition {
    pub(crate) check: Check,
    /// It has, or should have had, a command of its own: it is more than settings of a plugin.
    pub(crate) has_command: bool,
}

/// The check that `NAME.check` and its drop-ins give: their paths and texts, in the order in which they
/// count. Pure: opens nothing. Without `Exec=` or a probe, [`Check::exec`] is nothing.
pub fn define(name: &OsStr, files: &[(PathBuf, String)]) -> Check {
    let source = files
        .first()
        .map_or_else(PathBuf::new, |(path, _)| path.clone());
    definition(name, source, files, &Settings::default()).check
}

/// The same with the settings that a check has which sets nothing itself.
pub(crate) fn definition(
    name: &OsStr,
    source: PathBuf,
    files: &[(PathBuf, String)],
    defaults: &Settings,
) -> Definition {
    let Sections {
        unit,
        service,
        check: assignments,
        defects,
    } = merge(files);
    let mut keys = Keys {
        files,
        assigned: HashMap::new(),
        words: HashMap::new(),
        defects,
    };
    assignments
        .into_iter()
        .for_each(|assignment| keys.assign(assignment));
    keys.validate();
    let command = keys.command();
    let settings = keys.settings(defaults, command);
    let has_command = command.is_some();
    let sandbox = command.and_then(|key| keys.sandbox(key));
    let sandboxed = sandbox.is_some();
    let mut service_lines: Vec<String> = sandbox.unwrap_or_default();
    service_lines.extend(service.iter().map(passed));
    let exec = command.map(|key| match key.role {
        Role::Probe(probe) => keys.probe(key, probe, &settings),
        _ => keys.word("Exec").to_owned(),
    });
    keys.sort_defects();
    Definition {
        has_command,
        check: Check {
            name: name::readable(name),
            unit: Origin::Vendor.unit(&name::instance(name)),
            source,
            origin: Origin::Vendor,
            kind: Kind::File,
            severity: keys.severity(),
            command: Vec::new(),
            exec,
            link: None,
            masked: false,
            disabled: false,
            masked_by: None,
            settings,
            sources: files.iter().map(|(path, _)| path.clone()).collect(),
            unit_lines: unit.iter().map(passed).collect(),
            service_lines,
            sandboxed,
            defects: keys.defects,
        },
    }
}

/// A line for systemd. White space keeps a last backslash from joining the next line, and gets lost.
fn passed((key, value): &(String, String)) -> String {
    let end = if ends_in_backslash(value) { " " } else { "" };
    format!("{key}={value}{end}")
}

/// Whether an unprivileged user can do it: another one's executable or a socket in the file system may
/// be closed to it.
fn needs_little(probe: ProbeCommand, words: &[String]) -> bool {
    let closed = |word: &String| word.starts_with('/') || word.starts_with("unix:");
    probe.needs != Needs::Everything && !words.iter().any(closed)
}

/// The keys of `[Check]` that are set in the end.
struct Keys<'a> {
    files: &'a [(PathBuf, String)],
    assigned: HashMap<&'static str, Vec<Assignment>>,
    /// The words of those that are right.
    words: HashMap<&'static str, Vec<String>>,
    defects: Vec<Warning>,
}

impl Keys<'_> {
    /// How a probe is confined, if it is.
    fn sandbox(&self, key: &Key) -> Option<Vec<String>> {
        let Role::Probe(probe) = key.role else {
            return None;
        };
        let lines = sandbox::lines(probe.needs).into_iter();
        needs_little(probe, self.words(key.name)).then(|| lines.map(str::to_owned).collect())
    }

    /// By file, then by line.
    fn sort_defects(&mut self) {
        let files = self.files;
        self.defects.sort_by_key(|defect| {
            let file = files.iter().position(|(path, _)| *path == defect.path);
            (file, defect.line)
        });
    }

    fn assign(&mut self, assignment: Assignment) {
        let Some(key) = crate::file::keys::find(&assignment.entry.key) else {
            return;
        };
        if assignment.entry.value.is_empty() {
            self.assigned.remove(key.name);
            return;
        }
        let before = self.assigned.entry(key.name).or_default();
        if key.value.is_list() {
            return before.push(assignment);
        }
        let command = matches!(key.role, Role::Exec | Role::Probe(_));
        let first = before
            .last()
            .filter(|first| command && first.file == assignment.file);
        let text = first.map(|first| {
            format!(
                "'{}=' is already in line {}, and a check has one command; make two checks of it",
                key.name, first.entry.line
            )
        });
        let last = assignment.clone();
        *before = vec![assignment];
        if let Some(text) = text {
            self.defect(&last, text);
        }
    }

    fn defect(&mut self, at: &Assignment, text: String) {
        let path = self
            .files
            .get(at.file)
            .map_or(Path::new(""), |(path, _)| path.as_path());
        self.defects.push(Warning::at(path, at.entry.line, text));
    }

    fn validate(&mut self) {
        for key in KEYS {
            let assignments = self.assigned.get(key.name).cloned().unwrap_or_default();
            for at in &assignments {
                match key.value.words(&at.entry.value) {
                    Ok(words) => self.words.entry(key.name).or_default().extend(words),
                    Err(text) => self.defect(at, format!("'{}=': {text}", key.name)),
                }
            }
            let (Role::Option { of, .. }, Some(at)) = (key.role, assignments.first()) else {
                continue;
            };
            if !of.iter().any(|probe| self.assigned.contains_key(probe)) {
                let probes: Vec<String> = of.iter().map(|probe| format!("'{probe}='")).collect();
                let text = format!(
                    "'{}=' goes with {}, which is not set",
                    key.name,
                    probes.join(" or ")
                );
                self.defect(at, text);
            }
        }
    }

    /// The key of the command. Of several the first one in the files, each other one is a defect.
    fn command(&mut self) -> Option<&'static Key> {
        let mut commands: Vec<(Assignment, &Key)> = KEYS
            .iter()
            .filter(|key| matches!(key.role, Role::Exec | Role::Probe(_)))
            .filter_map(|key| Some((self.first(key.name)?, key)))
            .collect();
        commands.sort_by_key(|(at, _)| (at.file, at.entry.line));
        let mut commands = commands.into_iter();
        let (_, first) = commands.next()?;
        for (at, other) in commands {
            let text = format!(
                "'{}=' beside '{}=': a check has one command; make two checks, or take one back with '{}='",
                other.name, first.name, first.name
            );
            self.defect(&at, text);
        }
        let takes_command =
            |key: &&Key| matches!(key.role, Role::Probe(_)) && key.value == Value::Command;
        for key in KEYS.iter().filter(takes_command) {
            if let Some(at) = self.first(key.name)
                && has_semicolon(&at.entry.value)
            {
                let text = format!(
                    "'{}=' is one command; for a ';' of its own, write '\";\"'",
                    key.name
                );
                self.defect(&at, text);
            }
        }
        let set = |(option, _): (&Key, _)| self.assigned.contains_key(option.name);
        if let (Role::Probe(probe), Some(at)) = (first.role, self.first(first.name))
            && probe.needs_option
            && !options(first.name).any(set)
        {
            let names = options(first.name).map(|(option, _)| format!("'{}='", option.name));
            let names = names.collect::<Vec<_>>().join(", ");
            self.defect(&at, format!("'{}=' needs one of {names}", first.name));
        }
        Some(first)
    }

    fn first(&self, key: &str) -> Option<Assignment> {
        self.assigned.get(key)?.first().cloned()
    }

    fn words(&self, key: &str) -> &[String] {
        self.words.get(key).map_or(&[], Vec::as_slice)
    }

    fn word(&self, key: &str) -> &str {
        self.words(key).last().map_or("", String::as_str)
    }

    fn severity(&self) -> Severity {
        if self.word("Severity") == Severity::Wanted.as_str() {
            Severity::Wanted
        } else {
            Severity::Required
        }
    }

    /// A probe has a time limit of its own.
    fn settings(&mut self, defaults: &Settings, command: Option<&Key>) -> Settings {
        let is_probe = command.is_some_and(|key| matches!(key.role, Role::Probe(_)));
        let active = self.assigned.contains_key("UnitActive");
        let settings = Settings {
            retries: self.word("Retries").parse().unwrap_or(defaults.retries),
            retry: span::parse(self.word("RetrySec")).unwrap_or(defaults.retry),
            stable: active.then(|| span::parse(self.word("StableSec")).unwrap_or(STABLE)),
            timeout: span::parse(self.word("TimeoutSec"))
                .or_else(|| defaults.timeout.filter(|_| !is_probe)),
            restart_units: self.words("RestartUnits").to_vec(),
            stop_units: self.words("StopUnits").to_vec(),
            units: self.words("UnitActive").to_vec(),
        };
        let limit = probe_timeout(&settings);
        let too_long = settings.stable.filter(|stable| *stable >= limit);
        let at = self.first("StableSec").or_else(|| self.first("UnitActive"));
        if let (Some(stable), Some(at)) = (too_long, at) {
            let text = format!(
                "'StableSec={}' does not fit into the {} that the probe has; set 'TimeoutSec={}' or more",
                span::show(stable),
                span::show(limit),
                span::show(stable + 2 * PROBE_AHEAD)
            );
            self.defect(&at, text);
        }
        settings
    }

    /// The command line of a probe. Each value stays one word, whatever is in it.
    fn probe(&self, key: &Key, probe: ProbeCommand, settings: &Settings) -> String {
        let values = self.words(key.name);
        let mut line = vec![PROBE.to_owned()];
        let named_by_value = probe.command.is_empty();
        line.push(if named_by_value {
            self.word(key.name).to_owned()
        } else {
            probe.command.to_owned()
        });
        line.push(format!("--timeout={}", span::show(probe_timeout(settings))));
        for (option, flag) in options(key.name) {
            if !self.words.contains_key(option.name) {
                continue;
            }
            match self.words(option.name) {
                [] => line.push(flag.to_owned()),
                words => line.extend(words.iter().map(|text| word(&format!("{flag}={text}")))),
            }
        }
        if key.value == Value::Command {
            line.push(format!("-- {}", self.word(key.name)));
        } else if !named_by_value {
            if values.iter().any(|value| value.starts_with('-')) {
                line.push("--".to_owned());
            }
            line.extend(values.iter().map(|value| word(value)));
        }
        line.join(" ")
    }
}

fn probe_timeout(settings: &Settings) -> Duration {
    settings.timeout.map_or(PROBE_TIMEOUT, |timeout| {
        timeout.saturating_sub(PROBE_AHEAD).max(PROBE_LEAST)
    })
}
