//! What is known of this boot only: small JSON files below `/run/health-checker`, each naming the boot it is of
//! (`/run` survives a soft-reboot).

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use health_checks::Root;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
    let path = directory.join(name);
    let what = || format!("cannot write '{}'", path.display());
    fs::create_dir_all(&directory).with_context(what)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory).with_context(what)?;
    serde_json::to_writer_pretty(&mut file, value).with_context(what)?;
    file.write_all(b"\n").with_context(what)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))
        .with_context(what)?;
    file.persist(&path).with_context(what)?;
    Ok(())
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
