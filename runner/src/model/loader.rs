//! What a boot loader did and would do, as far as judging a boot needs it. The names are those of its boot entries.

/// What can be seen of a boot loader.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// It gave up on the default deployment, and booted this one in its place.
    pub fell_back: bool,
    /// The entry that was booted, without its counter.
    pub booted: Option<String>,
    /// The entry that it was told to boot until it is told otherwise.
    pub default: Option<String>,
    /// The entry that it boots once, before the default.
    pub one_shot: Option<String>,
    /// All entries, and how many starts each has left. `None`: it is not counted.
    pub entries: Vec<(String, Option<u32>)>,
}

/// A new entry that can be tried: booted once, before a good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The new entry.
    pub entry: String,
    /// An entry of the booted deployment.
    pub good: String,
    /// Starts that the new one has left. `None`: it is not counted.
    pub tries_left: Option<u32>,
}
