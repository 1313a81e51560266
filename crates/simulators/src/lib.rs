//! The outside world as real HTTP servers with faults that can be switched on, for development and tests only.
//!
//! Nothing here imports anything of ours, so that a mistake shared with the product cannot hide.

pub mod hytale;
pub mod panel;
mod serve;
