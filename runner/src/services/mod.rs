//! What systemd starts: one module for each unit of ours.

pub mod arm;
pub mod evidence;
pub mod failsafe;
pub mod run;
pub mod settle;
pub mod trial;

#[cfg(test)]
mod tests;
