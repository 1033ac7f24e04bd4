//! The probes, one file each.

mod clock;
mod command_output;
mod container;
mod defect;
mod disk;
mod dns;
mod dpkg;
mod failed_units;
mod file;
mod http;
mod mount;
mod process;
mod rpmdb;
mod tcp;
mod unit;
mod watchdog;
mod writable;

pub use clock::Clock;
pub use command_output::CommandOutput;
pub use container::Container;
pub use defect::Defect;
pub use disk::Disk;
pub use dns::Dns;
pub use dpkg::Dpkg;
pub use failed_units::FailedUnits;
pub use file::File;
pub use http::Http;
pub use mount::Mount;
pub use process::Process;
pub use rpmdb::Rpmdb;
pub use tcp::Tcp;
pub use unit::Unit;
pub use watchdog::Watchdog;
pub use writable::Writable;
