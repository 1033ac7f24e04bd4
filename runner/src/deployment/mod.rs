//! What can be booted and gone back to.

pub mod snapper;
