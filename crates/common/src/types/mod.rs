//! Plain data that crosses a crate or process border.

pub mod event;
pub mod id;
pub mod message;
pub mod panel;
pub mod sync;
