//! Machines for tests: made on btrfs, booted with their own systemd in a container, looked into from outside.
//!
//! A [`Machine`] is a disk image of its own; a [`Boot`] is one boot of it. A boot takes about a second. How it
//! works and what was measured: `tests/README.md`.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use machine::{Machine, VENDOR_PLUGINS, write_plugin};
//! let machine = Machine::new("example")?;
//! machine.update(|root| write_plugin(root, VENDOR_PLUGINS, "bad", "#!/bin/sh\nexit 1\n"))?;
//! let (boots, last) = machine.run_to_end(5)?;
//! assert_eq!(boots[0].snapshot, Some(2));
//! println!("{}", last.shell("health-checker status")?);
//! # Ok(())
//! # }
//! ```
//!
//! Everything is gone when the values are dropped, after a panic too; what a killed test process leaves is removed
//! by the next one. Machines end with the thread that booted them: keep a `Boot` in the test's own thread.

mod asked;
mod boot;
mod cache;
mod command;
mod container;
mod disk;
mod ending;
mod files;
mod image;
mod machine;
mod mounted;
mod packages;
mod power_cut;
mod product;
mod scratch;
mod setup;
mod snapshots;
mod status;
mod story;
pub mod vm;

pub use boot::Boot;
pub use disk::{Crash, Cut, Left, Player, Recorder, Recording};
pub use ending::Ended;
pub use files::{
    ADMIN_PLUGINS, CHECK_FILES, VENDOR_PLUGINS, add_to_health_target, write_check, write_file,
    write_plugin, write_unit,
};
pub use image::{Layout, Release, base};
pub use machine::{Builder, Machine};
pub use product::{programs, source};
pub use setup::check_host;
pub use status::{Status, lines};
pub use story::{BootRecord, course};
