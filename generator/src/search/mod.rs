//! The search: all plugins and `.check` files below a root.

pub mod find;
pub mod found;
pub mod load;
pub mod order;
pub mod plugin;
pub mod step;
