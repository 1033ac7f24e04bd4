//! The world outside: systemd, the kernel, programs, the journal. Nothing of health checks.

pub mod boot;
pub mod btrfs;
pub mod bus;
pub mod command;
pub mod durable;
pub mod fail_point;
pub mod journal;
pub mod lease;
pub mod logging;
pub mod messages;
pub mod mountinfo;
pub mod systemctl;
pub mod writable;
