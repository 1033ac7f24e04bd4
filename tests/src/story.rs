//! Owns what a machine does over several boots when nobody interferes.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::boot::Boot;
use crate::ending::Ended;
use crate::machine::Machine;

/// No boot of our tests takes longer, time-outs of checks included.
const BOOT_TIMEOUT: Duration = Duration::from_secs(150);

/// One boot of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootRecord {
    /// The snapshot it ran from.
    pub snapshot: Option<u64>,
    /// How it ended.
    pub ended: Ended,
}

/// The same without names, to compare a whole story with: snapshot and end of each boot.
pub fn course(records: &[BootRecord]) -> Vec<(u64, Ended)> {
    records
        .iter()
        .map(|record| (record.snapshot.unwrap_or_default(), record.ended))
        .collect()
}

impl Machine {
    /// Boots it, and again whenever it reboots, until it stays up; returns all boots, and the last one still running.
    pub fn run_to_end(&self, max_boots: usize) -> Result<(Vec<BootRecord>, Boot)> {
        let mut records = Vec::new();
        while records.len() < max_boots {
            let mut boot = Boot::start(&self.disk, None, &[])?;
            let ended = boot.wait_verdict(BOOT_TIMEOUT)?;
            records.push(BootRecord {
                snapshot: boot.snapshot(),
                ended,
            });
            match ended {
                Ended::StayedUp => return Ok((records, boot)),
                Ended::Rebooted => {}
                Ended::PoweredOff | Ended::Died => {
                    bail!("machine '{}' did not stay up: {records:?}", self.name())
                }
            }
        }
        bail!(
            "machine '{}' still reboots after {max_boots} boots: {records:?}",
            self.name()
        );
    }
}
