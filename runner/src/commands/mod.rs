//! What a person types: one module for each command.

pub mod bootloader;
pub mod check;
pub mod config;
pub mod contradictions;
pub mod follow;
pub mod history;
pub mod list;
pub mod new;
pub mod published;
pub mod status;
pub mod suggest;
pub mod table;
pub mod verify;
