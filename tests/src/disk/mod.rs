//! Owns disks that this process serves itself: each write and flush of a machine is known, and every state in which a
//! power cut could have left the disk can be made, mounted and booted.
//!
//! A machine's image file is covered by a FUSE file of our own, under the same path; the kernel's loop device is its
//! only reader and writer.

mod blocks;
mod crash;
mod cuts;
mod fuse;
mod look;
mod random;
mod recording;

pub use crash::{Crash, Player};
pub use cuts::Cut;
pub use look::Left;
pub use recording::{Recorder, Recording};
