//! How far the boot is, which says what a link to nothing means.

/// How far the boot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Generators run: what a symbolic link points to may not be mounted yet, so that a dangling
    /// one is left for later.
    Early,
    /// Everything is mounted: a dangling link is a check, which fails.
    Late,
}
