//! What is written in files, as text: pure, and knowing nothing of checks.

pub mod command_words;
pub mod network;
pub mod number;
pub mod parse;
pub mod quote;
pub mod span;
pub mod suggest;
pub mod text;
pub mod unit_names;
pub mod value;
