//! What the initrd or the rescue program did (dist/rescue).

use crate::model::deployment::Deployment;

/// Who went back where we could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The initrd.
    Initrd,
    /// The rescue program.
    Rescue,
}

impl Author {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initrd => "initrd",
            Self::Rescue => "rescue",
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescue {
    /// The boot in which it was written.
    pub boot_id: String,
    /// What could not be used, for people.
    pub label: String,
    /// The same, if it still exists.
    pub from: Option<Deployment>,
    /// Where it went back to, if that exists.
    pub to: Option<Deployment>,
    /// Who did it.
    pub who: Author,
    /// Why.
    pub reason: String,
}
