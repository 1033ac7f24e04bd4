//! The values: a check, and what else was found beside it.

use std::path::{Path, PathBuf};

use crate::files::name;
use crate::finding::Warning;
use crate::settings::Settings;

/// Where systemd wants the normal output of generators.
pub const GENERATOR_DIRECTORY: &str = "/run/systemd/generator";

/// Directory below the unit directory for links to plugins whose path systemd would refuse.
pub(crate) const LINKS: &str = "health-checker.links";

/// Who a plugin belongs to: it decides over its directory and its template.
///
/// There are two templates because a unit name must tell the directory: /usr/local may be mounted
/// after the generators ran, and a unit must not change its meaning at a later daemon-reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Comes with the system, below /usr/libexec.
    Vendor,
    /// Written by the administrator, below /usr/local/libexec.
    Local,
}

impl Origin {
    /// Both, in the order in which they are searched.
    pub const ALL: [Self; 2] = [Self::Vendor, Self::Local];

    /// The directory with the plugins.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Vendor => "/usr/libexec/health-checker",
            Self::Local => "/usr/local/libexec/health-checker",
        }
    }

    /// The shipped template of which its checks are instances.
    pub fn template(self) -> &'static str {
        match self {
            Self::Vendor => "health-check@.service",
            Self::Local => "health-check-local@.service",
        }
    }

    /// The unit of the instance `instance`, which must already be escaped (see [`name::instance`]).
    pub fn unit(self, instance: &str) -> String {
        let prefix = self.template().trim_end_matches(".service");
        format!("{prefix}{instance}.service")
    }
}

/// What a failure of the check means for the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The machine is unhealthy.
    Required,
    /// The machine is degraded, which counts as healthy.
    Wanted,
}

impl Severity {
    /// As written in files and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Wanted => "wanted",
        }
    }
}

/// A symbolic link that stands for a plugin whose own path no unit can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// File name of the link: sixteen hexadecimal digits.
    pub name: String,
    /// The plugin.
    pub target: PathBuf,
}

impl Link {
    /// The link's own path below a unit directory such as [`crate::check::GENERATOR_DIRECTORY`].
    pub fn path(&self, unit_dir: &Path) -> PathBuf {
        unit_dir.join(LINKS).join(&self.name)
    }
}

/// What a check is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An executable file, called with `check` and `stop`.
    Plugin,
    /// A `.check` file with a command of its own, which knows no `stop`.
    File,
}

/// One check: a plugin or a `.check` file that becomes a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Readable file name: UTF-8 without control characters, so not always the file's real name.
    pub name: String,
    /// The whole unit name.
    pub unit: String,
    /// The plugin or the `.check` file as the system sees it, without the root.
    pub source: PathBuf,
    /// Whose plugin it is; [`Origin::Vendor`] for a `.check` file.
    pub origin: Origin,
    /// What it is made from.
    pub kind: Kind,
    /// What a failure means.
    pub severity: Severity,
    /// What to execute, without the verb (`check`, `stop`): words that systemd takes as they are,
    /// in `ExecStart=` and in StartTransientUnit. Empty for a plugin that is a link to /dev/null or that
    /// others than root may change, and for a `.check` file: there is nothing to call with `stop`.
    ///
    /// With a [`Check::link`], it names the link below [`crate::check::GENERATOR_DIRECTORY`];
    /// [`crate::ensure_link`] makes another one where that is not sure to exist.
    pub command: Vec<String>,
    /// `ExecStart=` of a `.check` file, as it is written in the unit.
    pub exec: Option<String>,
    /// For a plugin whose path systemd refuses.
    pub link: Option<Link>,
    /// Switched off by the administrator: listed, skipped.
    pub masked: bool,
    /// That is by `Disable=` in health-checker.conf.
    pub disabled: bool,
    /// By which file, and how.
    pub masked_by: Option<String>,
    /// What its `.check` file sets, or the default.
    pub settings: Settings,
    /// All files that it is made from: [`Check::source`], the `.check` file of a plugin, drop-ins.
    pub sources: Vec<PathBuf>,
    /// Lines for `[Unit]` as the author wrote them.
    pub unit_lines: Vec<String>,
    /// Lines for `[Service]`: those of the sandbox, then the author's.
    pub service_lines: Vec<String>,
    /// It runs without privileges: a probe that needs none.
    pub sandboxed: bool,
    /// What is wrong with its files. With anything in here, its unit does nothing but fail and say so.
    pub defects: Vec<Warning>,
}

impl Check {
    /// The part of the unit name between `@` and `.service`.
    pub fn instance(&self) -> &str {
        let instance = self.unit.strip_suffix(".service").unwrap_or(&self.unit);
        instance
            .split_once('@')
            .map_or("", |(_, instance)| instance)
    }

    /// Whether it starts when it is ordered to, instead of waiting for the boot to settle.
    pub fn has_own_order(&self) -> bool {
        self.defects.is_empty() && self.ordering("After").next().is_some()
    }

    /// The units in its own `After=` or `Before=` lines.
    pub(crate) fn ordering(&self, key: &str) -> impl Iterator<Item = &str> {
        let lines = self.unit_lines.iter();
        let values = lines.filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
        values
            .flat_map(str::split_whitespace)
            .map(|word| word.trim_matches(['"', '\'']))
    }

    /// Whether it is a plugin of which nothing is run, because others than root may change it.
    pub fn is_distrusted(&self) -> bool {
        self.kind == Kind::Plugin && self.command.is_empty() && !self.defects.is_empty()
    }

    /// Whether its own file switches it off, so that it has no unit text.
    pub(crate) fn is_nothing(&self) -> bool {
        self.command.is_empty() && self.exec.is_none() && self.defects.is_empty()
    }

    /// [`Check::command`], with the link, if there is one, below `unit_dir`.
    pub fn command_in(&self, unit_dir: &Path) -> Vec<String> {
        let mut command = self.command.clone();
        if let (Some(link), Some(last)) = (&self.link, command.last_mut()) {
            *last = name::readable(link.path(unit_dir).as_os_str());
        }
        command
    }

    /// The directory of links by which `target` gets this check, e.g. `health-check.target.requires`.
    ///
    /// A masked unit is only wanted: required, it would make the start of the whole target fail.
    pub fn dependency_directory(&self, target: &str) -> String {
        match self.severity {
            Severity::Required if !self.masked => format!("{target}.requires"),
            Severity::Required | Severity::Wanted => format!("{target}.wants"),
        }
    }
}
