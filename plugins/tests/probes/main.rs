//! The probes as a user runs them: the real binary against real listeners, files, disks and programs.

// A helper that fails is a test that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod harness;
mod network;
mod packages;
mod programs;
mod systemd;
mod usage;
mod web;
