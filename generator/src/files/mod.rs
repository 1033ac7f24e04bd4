//! Files and directories: finding them below a root, reading them, whom they belong to.

pub mod directory;
pub mod name;
pub mod read;
pub mod root;
pub mod stage;
pub mod trust;
