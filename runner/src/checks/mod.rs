//! From units to a verdict: what came of each check, what else is to be said of this boot.

pub mod classify;
pub mod findings;
pub mod judge;
pub mod late;
pub mod observe;
pub mod retry;
pub mod steady;
