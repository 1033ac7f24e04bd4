//! What systemd reads: the units of checks, the drop-ins of our own, and unit files in general.

pub mod blessing;
pub mod deadline;
pub mod files;
pub mod mask;
pub mod render;
pub mod write;
