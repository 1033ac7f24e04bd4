//! `/var/lib/misc/health-check.state` of openSUSE's health-checker 1.x: read when our own state is missing, always
//! written, so that one can go back to it. Read as text, never sourced as shell code.

use std::fs;

use anyhow::{Context, Result};
use health_checks::Root;
use ini::{Ini, ParseOption};

use crate::bootloader::snapshot::SnapshotId;
use crate::sys::durable;

/// Path of the file.
const PATH: &str = "/var/lib/misc/health-check.state";
/// Far above what anybody writes there, in bytes.
const SIZE_LIMIT: u64 = 64 * 1024;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Legacy {
    /// LAST_WORKING_BTRFS_ID: subvolume id.
    pub id: Option<u64>,
    /// Number of the snapshot in LAST_WORKING_SNAPSHOT.
    pub number: Option<u64>,
}

/// What health-checker 1.x would know; nothing where there is no such file.
pub fn read(root: &Root) -> Legacy {
    let path = root.join(PATH);
    let is_ours = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() < SIZE_LIMIT);
    let bytes = match is_ours {
        true => fs::read(path).unwrap_or_default(),
        false => Vec::new(),
    };
    parse(&String::from_utf8_lossy(&bytes))
}

/// Writes it.
///
/// # Errors
/// When it is not known to be on the disk.
pub fn write(root: &Root, good: &SnapshotId) -> Result<()> {
    let path = root.join(PATH);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create '{}'", directory.display()))?;
    }
    durable::write(&path, render(good).as_bytes(), 0o644)
}

/// Reads the text. What is not understood is left out.
fn parse(text: &str) -> Legacy {
    let mut legacy = Legacy::default();
    // Line by line, so that a damaged one does not take the others with it.
    for line in text.lines() {
        let options = ParseOption {
            enabled_quote: false,
            enabled_escape: false,
            ..ParseOption::default()
        };
        let Ok(ini) = Ini::load_from_str_opt(line, options) else {
            continue;
        };
        for (key, value) in ini.general_section() {
            let value = value.trim_matches(['"', '\'']);
            match key {
                "LAST_WORKING_BTRFS_ID" => legacy.id = value.parse().ok(),
                "LAST_WORKING_SNAPSHOT" => legacy.number = number(value),
                _ => {}
            }
        }
    }
    legacy
}

/// `@/.snapshots/1/snapshot`, or the plain number that its own GRUB snippet expects.
fn number(value: &str) -> Option<u64> {
    let path = value.strip_suffix("/snapshot").unwrap_or(value);
    path.rsplit('/').next()?.parse().ok()
}

/// The text for a known good snapshot.
fn render(snapshot: &SnapshotId) -> String {
    format!(
        "LAST_WORKING_BTRFS_ID={}\nLAST_WORKING_SNAPSHOT=@/.snapshots/{}/snapshot\n",
        snapshot.id, snapshot.number
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_1_13_wrote_is_read() {
        let text = "LAST_WORKING_BTRFS_ID=265\nLAST_WORKING_SNAPSHOT=@/.snapshots/1/snapshot\n";
        assert_eq!(
            parse(text),
            Legacy {
                id: Some(265),
                number: Some(1)
            }
        );
        assert_eq!(
            parse("LAST_WORKING_BTRFS_ID='7'\nLAST_WORKING_SNAPSHOT=\"3\""),
            Legacy {
                id: Some(7),
                number: Some(3)
            }
        );
    }

    #[test]
    fn one_damaged_line_leaves_the_others() {
        let legacy = parse("\0[\nLAST_WORKING_BTRFS_ID\n[x\nLAST_WORKING_SNAPSHOT = 3 \r\n");
        let (id, number) = (None, Some(3));
        assert_eq!(legacy, Legacy { id, number });
    }

    #[test]
    fn what_we_write_is_read_back() {
        let snapshot = SnapshotId {
            number: 12,
            id: 280,
            uuid: String::new(),
        };
        assert_eq!(
            parse(&render(&snapshot)),
            Legacy {
                id: Some(280),
                number: Some(12)
            }
        );
    }

    #[test]
    fn garbage_is_nothing_and_never_run() {
        for text in [
            "",
            "LAST_WORKING_BTRFS_ID=",
            "LAST_WORKING_BTRFS_ID=$(reboot)",
            "\u{0}\u{1}",
            "LAST_WORKING_SNAPSHOT=/",
        ] {
            assert_eq!(parse(text), Legacy::default(), "{text:?}");
        }
    }
}
