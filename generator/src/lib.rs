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
pub mod name;
pub mod parse;
pub mod text;
pub mod unit_files;

mod blessing;
mod check;
mod command_line;
mod command_words;
mod deadline;
mod define;
mod directory;
mod find;
mod keys;
mod load;
mod mask;
mod network;
mod order;
mod plugin;
mod render;
mod root;
mod sandbox;
mod sections;
mod settings;
mod span;
mod trust;
mod unit_names;
mod value;
mod write;

pub use blessing::blessing;
pub use check::{Check, Found, Ignored, Kind, Link, Origin, Severity, Warning};
pub use command_line::{CommandLine, LoaderWord, Mode, command_line};
pub use deadline::deadline;
pub use define::define;
pub use find::{Stage, Step, find, scan};
pub use render::render;
pub use root::Root;
pub use settings::Settings;
pub use write::{Content, Written, ensure_link, files, write, write_drop_in};

/// Where systemd wants the normal output of generators.
pub const GENERATOR_DIRECTORY: &str = "/run/systemd/generator";

/// The target that is reached when all checks are finished.
pub const TARGET: &str = "health-check.target";
