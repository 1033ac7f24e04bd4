//! `health-probe disk`: there is room left.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use rustix::fs::{StatVfs, statfs, statvfs};

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::program;
use crate::size::{self, Amount, Bytes};
use crate::text::reason;

/// BTRFS_SUPER_MAGIC of linux/magic.h.
const BTRFS: u64 = 0x9123_683e;

/// There is room left on the file system of PATH.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  health-probe disk / --min-free 10%\n  \
                  health-probe disk /var --min-free 2G --min-inodes 5%\n  \
                  health-probe disk / --min-unallocated 1G")]
#[command(group = ArgGroup::new("amounts").required(true).multiple(true).args(["min_free", "min_inodes", "min_unallocated"]))]
pub struct Disk {
    /// Any path on the file system
    pub path: PathBuf,
    /// Free space, for programs that are not root: '2G', or '10%' of its size
    #[arg(long, value_name = "SIZE", value_parser = size::amount)]
    pub min_free: Option<Amount>,
    /// Free inodes: '1000', or '5%' (a file system without a limit has enough of them)
    #[arg(long, value_name = "COUNT", value_parser = size::amount)]
    pub min_inodes: Option<Amount>,
    /// Space of a btrfs that is in no block group yet; without it, a btrfs can be full with space free (needs root)
    #[arg(long, value_name = "SIZE", value_parser = size::amount)]
    pub min_unallocated: Option<Amount>,
}

impl Probe for Disk {
    fn expected(&self) -> String {
        let wanted = [
            self.min_free.map(|amount| format!("{amount} free")),
            self.min_inodes
                .map(|amount| format!("{} inodes free", count(amount))),
            self.min_unallocated
                .map(|amount| format!("{amount} unallocated")),
        ];
        let wanted: Vec<_> = wanted.into_iter().flatten().collect();
        format!(
            "at least {} on '{}'",
            wanted.join(" and "),
            self.path.display()
        )
    }

    fn look(&self, limit: Limit) -> Look {
        let failed =
            |error: rustix::io::Errno| Problem::not_yet(reason(&std::io::Error::from(error)));
        let there = statvfs(&self.path).map_err(failed)?;
        let mut found = Vec::new();
        let mut enough = true;
        if let Some(least) = self.min_free {
            let (whole, free) = (
                there.f_blocks * there.f_frsize,
                there.f_bavail * there.f_frsize,
            );
            enough &= free >= least.of(whole);
            found.push(share(Bytes(free).to_string(), free, whole, "free"));
        }
        if let Some(least) = self.min_inodes {
            let (text, is_enough) = inodes(&there, least);
            enough &= is_enough;
            found.push(text);
        }
        if let Some(least) = self.min_unallocated {
            // The kernel's type is signed and as wide as a register.
            let kind = statfs(&self.path).map_err(failed)?.f_type as u64 & 0xffff_ffff;
            if kind != BTRFS {
                let path = self.path.display();
                return Err(Problem::Usage(format!(
                    "'--min-unallocated' is for btrfs, which '{path}' is not on: use '--min-free'"
                )));
            }
            let (whole, unallocated) = self.unallocated(limit)?;
            enough &= unallocated >= least.of(whole);
            found.push(share(
                Bytes(unallocated).to_string(),
                unallocated,
                whole,
                "unallocated",
            ));
        }
        match enough {
            true => Ok(found.join(", ")),
            false => Err(Problem::not_yet(found.join(", "))),
        }
    }
}

impl Disk {
    /// Size of all devices, and what of it is in no block group.
    fn unallocated(&self, limit: Limit) -> Result<(u64, u64), Problem> {
        let path = self.path.to_string_lossy();
        let ran = program::run("btrfs", &["filesystem", "usage", "-b", "--", &path], limit)?;
        let numbers =
            usage(&ran.stdout, "Device size:").zip(usage(&ran.stdout, "Device unallocated:"));
        numbers.ok_or_else(|| {
            Problem::not_yet(format!("'btrfs filesystem usage' saying {}", ran.said()))
        })
    }
}

/// `    Device unallocated:\t\t  8388608`
fn usage(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(key))
        .and_then(|value| value.trim().parse().ok())
}

fn inodes(there: &StatVfs, least: Amount) -> (String, bool) {
    match there.f_files {
        0 => ("no limit of inodes".into(), true),
        whole => {
            let text = share(
                there.f_favail.to_string(),
                there.f_favail,
                whole,
                "inodes free",
            );
            (text, there.f_favail >= least.of(whole))
        }
    }
}

fn count(amount: Amount) -> String {
    match amount {
        Amount::Count(count) => count.to_string(),
        share => share.to_string(),
    }
}

/// "1.5G (12.3%) free": cut, not rounded, so that 9.99% does not look like the 10% that were expected.
fn share(amount: String, part: u64, whole: u64, what: &str) -> String {
    let per_mille = part as u128 * 1000 / whole.max(1) as u128;
    format!("{amount} ({}.{}%) {what}", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_btrfs_is_understood() {
        let text = "Overall:\n    Device size:\t\t   134217728\n    Device allocated:\t\t    33554432\n    Device unallocated:\t\t   100663296\n";
        assert_eq!(usage(text, "Device size:"), Some(134_217_728));
        assert_eq!(usage(text, "Device unallocated:"), Some(100_663_296));
        assert_eq!(
            usage("Device unallocated:\t 1.00GiB", "Device unallocated:"),
            None
        );
        assert_eq!(usage("", "Device size:"), None);
    }

    #[test]
    fn shares_are_cut() {
        assert_eq!(share("1".into(), 999, 10_000, "free"), "1 (9.9%) free");
        assert_eq!(share("0".into(), 0, 0, "free"), "0 (0.0%) free");
        assert_eq!(
            share("x".into(), u64::MAX, u64::MAX, "free"),
            "x (100.0%) free"
        );
    }
}
