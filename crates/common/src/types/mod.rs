//! Plain data that crosses a crate or process border.

pub mod admin;
pub mod caller;
pub mod event;
pub mod hytale;
pub mod id;
pub mod limit;
pub mod mail;
pub mod message;
pub mod panel;
pub mod scope;
pub mod server_limits;
pub mod setting;
pub mod sync;
pub mod user;
pub mod webhook;
