//! Whole virtual machines: every way in which a boot can die, for each boot loader (docs/BOOT.md). One program, so that three
//! of them are always on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod direct;
mod dracut;
mod grub;
mod stories;
mod systemd_boot;
mod trial;
#[path = "../trouble/mod.rs"]
mod trouble;
