//! What the initrd or the rescue program did (dist/rescue).

use crate::model::deployment::Deployment;

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
    /// `initrd` or `rescue`.
    pub who: String,
    /// Why.
    pub reason: String,
}
