//! Why somebody has to decide about a boot that has no verdict.

use clap::ValueEnum;

/// Why it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Cause {
    /// The runner crashed, was killed, hung, or could not be executed.
    #[default]
    Runner,
    /// There was no verdict in time.
    Deadline,
    /// The boot fell into emergency or rescue mode.
    Emergency,
}
