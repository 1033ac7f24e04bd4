//! What is known of this boot only: small JSON files below `/run/health-checker`, each naming the boot it is of
//! (`/run` survives a soft-reboot).

use std::fs;

use anyhow::{Context, Result};
use health_checks::Root;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sys::durable;

/// Where they are.
pub const DIRECTORY: &str = "/run/health-checker";
/// How the boot settled.
pub const SETTLED: &str = "settled.json";
/// The verdict.
pub const REPORT: &str = "report.json";
/// A reboot was asked for: whoever comes later does nothing.
pub const REBOOT: &str = "reboot.json";
/// This boot is counted as one that died unless it is judged or shut down in order.
pub const ARMED: &str = "armed.json";

/// Writes a file so that a reader sees the old or the new one.
///
/// # Errors
/// When `/run` is full or read-only.
pub fn write<T: Serialize>(root: &Root, name: &str, value: &T) -> Result<()> {
    let directory = root.join(DIRECTORY);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create '{}'", directory.display()))?;
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    durable::write(&directory.join(name), &text, 0o644)
}

/// Reads a file; `None` where there is none, or it is none of ours.
pub fn read<T: DeserializeOwned>(root: &Root, name: &str) -> Option<T> {
    let text = fs::read_to_string(root.join(DIRECTORY).join(name)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Removes a file.
pub fn remove(root: &Root, name: &str) {
    // Gone already is as good.
    let _ = fs::remove_file(root.join(DIRECTORY).join(name));
}
