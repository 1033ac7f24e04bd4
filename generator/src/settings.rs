//! What a `.check` file sets beside the command, for the runner.

use std::time::Duration;

/// Settings of a check; a plugin without a file has the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many times it is started again when it fails (`Retries=`).
    pub retries: u32,
    /// How long to wait before that (`RetrySec=`).
    pub retry: Duration,
    /// How long units must have been active (`StableSec=`); only with `UnitActive=`.
    pub stable: Option<Duration>,
    /// Time limit of one run (`TimeoutSec=`); nothing for the template's 90 s.
    pub timeout: Option<Duration>,
    /// What to restart when it fails (`RestartUnits=`); empty for all failed units.
    pub restart_units: Vec<String>,
    /// What to stop when nothing else helps (`StopUnits=`).
    pub stop_units: Vec<String>,
    /// What it is about (`UnitActive=`), perhaps with globs.
    pub units: Vec<String>,
}

/// Time before another try, unless `RetrySec=` says something else.
pub(crate) const RETRY: Duration = Duration::from_secs(5);

/// Time in which an active unit may not change its mind, unless `StableSec=` says something else.
pub(crate) const STABLE: Duration = Duration::from_secs(5);

impl Default for Settings {
    fn default() -> Self {
        Self {
            retries: 0,
            retry: RETRY,
            stable: None,
            timeout: None,
            restart_units: Vec::new(),
            stop_units: Vec::new(),
            units: Vec::new(),
        }
    }
}
