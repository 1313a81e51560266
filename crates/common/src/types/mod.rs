//! Plain data that crosses a crate or process border.

pub mod caller;
pub mod event;
pub mod hytale;
pub mod id;
pub mod message;
pub mod panel;
pub mod sync;
