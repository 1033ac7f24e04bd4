//! `health-probe watchdog`: the last boot was not forced by a hardware watchdog.

use std::fs;
use std::path::Path;

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};

/// Bit of bootstatus: "last reboot was caused by this card" (WDIOF_CARDRESET in linux/watchdog.h).
const CARD_RESET: u64 = 0x20;

/// The last boot was not forced by a hardware watchdog. Without a watchdog this holds, too.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  health-probe watchdog")]
pub struct Watchdog {}

impl Probe for Watchdog {
    fn expected(&self) -> String {
        "no reset by a hardware watchdog".into()
    }

    fn look(&self, _limit: Limit) -> Look {
        judge(Path::new("/sys/class/watchdog"))
    }
}

fn judge(class: &Path) -> Look {
    let Ok(entries) = fs::read_dir(class) else {
        return Ok("no watchdog on this machine".into());
    };
    let mut quiet = Vec::new();
    let mut silent = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Drivers without the file exist (CONFIG_WATCHDOG_SYSFS): they do not tell.
        let status = fs::read_to_string(entry.path().join("bootstatus"))
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok());
        match status {
            Some(flags) if flags & CARD_RESET != 0 => {
                return Err(Problem::last(format!(
                    "'{name}' has reset the machine before this boot"
                )));
            }
            Some(_) => quiet.push(name),
            None => silent.push(name),
        }
    }
    quiet.sort();
    silent.sort();
    Ok(match (quiet.is_empty(), silent.is_empty()) {
        (false, _) => format!("none by {}", quiet.join(", ")),
        (true, false) => format!("{}, which cannot tell", silent.join(", ")),
        (true, true) => "no watchdog on this machine".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(watchdogs: &[(&str, Option<&str>)]) -> Look {
        let class = tempfile::tempdir().unwrap();
        for (name, status) in watchdogs {
            fs::create_dir(class.path().join(name)).unwrap();
            if let Some(status) = status {
                fs::write(class.path().join(name).join("bootstatus"), status).unwrap();
            }
        }
        judge(class.path())
    }

    #[test]
    fn only_the_bit_of_the_card_counts() {
        assert_eq!(machine(&[]), Ok("no watchdog on this machine".into()));
        assert_eq!(judge(Path::new("/nonexistent")), machine(&[]));
        assert_eq!(
            machine(&[("watchdog0", Some("0\n"))]),
            Ok("none by watchdog0".into())
        );
        assert_eq!(
            machine(&[("watchdog0", Some("32832\n")), ("watchdog1", None)]),
            Ok("none by watchdog0".into())
        );
        assert_eq!(
            machine(&[("watchdog0", Some("0")), ("watchdog1", Some("32800\n"))]),
            Err(Problem::last(
                "'watchdog1' has reset the machine before this boot"
            ))
        );
        for unknown in [None, Some(""), Some("yes")] {
            assert_eq!(
                machine(&[("watchdog0", unknown)]),
                Ok("watchdog0, which cannot tell".into())
            );
        }
    }
}
