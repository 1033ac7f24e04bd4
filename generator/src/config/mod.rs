//! `health-checker.conf`: what can be set, with the defaults, and where each setting comes from.

mod glob;
mod load;
mod merge;
mod options;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::files::name;
use crate::finding::{Ignored, Warning};
use crate::settings::Settings;

pub use load::load;
pub use merge::merge;
pub use values::{Boot, Checks, Disable, Escalation, Ladder, Notify, Rung, Stop};

pub(crate) use load::load_for;

/// The configuration of a machine: what its files say, the default where they are silent or wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `[Checks]`
    pub checks: Checks,
    /// `[Escalation]`
    pub escalation: Escalation,
    /// `[Boot]`
    pub boot: Boot,
    /// `[Notify]`
    pub notify: Notify,
    /// The files that were read, in the order in which they count.
    pub files: Vec<PathBuf>,
    /// What is wrong. With anything in here, nobody knows what the administrator wants: nothing is acted on.
    pub errors: Vec<Warning>,
    /// Files beside the drop-ins that are none.
    pub ignored: Vec<Ignored>,
    /// By the name of the option.
    places: BTreeMap<&'static str, Vec<Place>>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the system sees it, without the root.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = name::readable(self.path.as_os_str());
        write!(f, "{path}:{}", self.line)
    }
}

/// One option as it is in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Name of the section, without brackets.
    pub section: &'static str,
    /// Name of the option.
    pub name: &'static str,
    /// What it is set to, as one would write it.
    pub value: String,
    /// The lines that say so; none for the default.
    pub places: Vec<Place>,
}

impl Config {
    /// All options, as health-checker.conf(5) lists them.
    pub fn effective(&self) -> Vec<Effective> {
        let option = |option: &options::Choice| Effective {
            section: option.section,
            name: option.name,
            value: (option.show)(self),
            places: self.places.get(option.name).cloned().unwrap_or_default(),
        };
        options::OPTIONS.iter().map(option).collect()
    }

    /// Where `Disable=` names this check or unit.
    pub fn disabled(&self, name: &str, unit: &str) -> Option<&Place> {
        let named = |disable: &&Disable| disable.means(name) || disable.means(unit);
        let disable = self.checks.disable.iter().find(named)?;
        Some(&disable.place)
    }

    /// What a check has that sets nothing itself.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            retries: self.checks.retries,
            retry: self.checks.retry,
            // The template has the default.
            timeout: (self.checks.timeout != Checks::default().timeout)
                .then_some(self.checks.timeout),
            ..Settings::default()
        }
    }
}
