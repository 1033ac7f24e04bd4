//! What can be booted and gone back to, as everybody but its own room knows it.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A snapshot, an image slot: whatever can be booted and gone back to. Two are the same if their identities are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// Identity. Its first word says whose it is (`snapper:5:266:uuid`), and only that one reads the rest.
    pub id: String,
    /// What its users call it, a kind and a name: `snapshot 5`.
    pub label: String,
}

/// Whether a deployment is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exists {
    /// It is, and could be booted.
    Yes,
    /// It was deleted.
    No,
    /// That cannot be seen now.
    Unknown,
}

impl Deployment {
    /// Whose it is: `snapper`.
    pub fn kind(&self) -> &str {
        self.id.split(':').next().unwrap_or_default()
    }

    /// The name without its kind, as in tables: `5`.
    pub fn name(&self) -> &str {
        self.label.rsplit(' ').next().unwrap_or_default()
    }
}

#[cfg(test)]
impl Deployment {
    /// One that tests tell from others by its number.
    pub fn numbered(number: u64) -> Self {
        Self {
            id: format!("memory:{number}"),
            label: format!("snapshot {number}"),
        }
    }
}

impl PartialEq for Deployment {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Deployment {}

impl Hash for Deployment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}
