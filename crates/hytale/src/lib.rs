//! Hytale, the vendor of the game: its client ([`vendor`]), whether a token is its own
//! ([`verify`]), and the accounts that we hold for hosts ([`custody`]).
//!
//! What the vendor says of itself is its [Server Provider Authentication Guide]; where it
//! was seen to do otherwise, the place that relies on it says so.
//!
//! [Server Provider Authentication Guide]: https://support.hytale.com/hc/en-us/articles/45328341414043-Server-Provider-Authentication-Guide

mod connect;
pub mod custody;
mod hosts;
pub mod vendor;
pub mod verify;

pub use connect::{ConnectError, connect};
pub use hosts::Hosts;
