//! Whole courses of a machine, boot after boot, by the code itself: only its disk and its boot loader are in memory, and what
//! it would run is written down. The invariants are those of docs/ARCHITECTURE.md.

mod courses;
mod invariants;
mod others;
mod trials;
mod world;
