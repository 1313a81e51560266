//! Hytale, the vendor of the game: its client ([`vendor`]), whether a token is its own
//! ([`verify`]), and the accounts that we hold for hosts ([`custody`]).
//!
//! What is known of the vendor, with sources and confidence, stands in
//! `facts/HYTALE.md`; section numbers in this crate mean that text.

mod connect;
pub mod custody;
mod hosts;
pub mod vendor;
pub mod verify;

pub use connect::{ConnectError, connect};
pub use hosts::Hosts;
