//! What a health check is: found as a file, named, and rendered as a systemd unit.
//!
//! Both sides use this library, so that they can never disagree: the generator at boot, and the
//! runner when it looks for plugins that appeared since (settle) or lists them.
//!
//! * [`find()`] reads the directories of plugins and of `.check` files below a [`Root`] and gives [`Check`]s;
//! * [`parse`] and [`define()`] understand `.check` files (`load` reads them, `sections` merges drop-ins);
//! * [`render()`] and [`write()`] turn a check into files that systemd reads;
//! * [`config`] is `health-checker.conf`;
//! * [`unit_files`] are those of systemd, by their names;
//! * [`name`] makes unit names out of file names, whatever bytes those have;
//! * [`text`] is for people: nothing in it does anything to a terminal;
//! * [`command_line()`] says what the kernel command line wants of us.

pub mod config;

mod check;
mod file;
mod files;
mod finding;
mod kernel_line;
mod search;
mod settings;
mod syntax;
mod unit;

pub use check::{Check, GENERATOR_DIRECTORY, Kind, Link, Origin, Severity};
pub use file::define::define;
pub use files::name;
pub use files::root::Root;
pub use files::stage::Stage;
pub use finding::{Ignored, Warning};
pub use kernel_line::{CommandLine, LoaderWord, Mode, command_line, in_container};
pub use search::find::{find, scan};
pub use search::found::Found;
pub use search::step::Step;
pub use settings::Settings;
pub use syntax::{parse, text};
pub use unit::blessing::blessing;
pub use unit::deadline::deadline;
pub use unit::files as unit_files;
pub use unit::render::render;
pub use unit::write::{Content, Written, ensure_link, files, write, write_drop_in};

/// The target that is reached when all checks are finished.
pub const TARGET: &str = "health-check.target";
