//! `NAME.check` files: what their keys mean, and the check that they give.

pub mod define;
pub mod keys;
pub mod sandbox;
pub mod sections;
