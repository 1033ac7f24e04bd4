//! `/var/lib/misc/health-check.state` of openSUSE's health-checker 1.x: read when our own state is missing, always
//! written, so that one can go back to it. Read as text, never sourced as shell code.

use ini::{Ini, ParseOption};

use crate::model::facts::SnapshotId;

/// Path of the file.
pub const PATH: &str = "/var/lib/misc/health-check.state";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Legacy {
    /// LAST_WORKING_BTRFS_ID: subvolume id.
    pub id: Option<u64>,
    /// Number of the snapshot in LAST_WORKING_SNAPSHOT.
    pub number: Option<u64>,
}

/// Reads the text. What is not understood is left out.
pub fn parse(text: &str) -> Legacy {
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

/// The text for a known good snapshot; `subvolume` is its path in the file system without the leading slash.
pub fn render(snapshot: &SnapshotId) -> String {
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
