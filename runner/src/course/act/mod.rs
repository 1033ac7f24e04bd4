//! What the machine does: each action by itself, none of them deciding anything.

pub mod mode;
pub mod reboot;
pub mod restart;
pub mod stop;
