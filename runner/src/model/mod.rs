//! Words that everybody shares: values without any I/O.

pub mod cause;
pub mod deployment;
pub mod facts;
pub mod finding;
pub mod loader;
pub mod report;
pub mod rescue;
pub mod run_files;
pub mod text;
pub mod units;
