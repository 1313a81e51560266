//! Hytale, the vendor of the game: its client ([`vendor`]), and the accounts
//! that we hold for hosts ([`custody`]).
//!
//! What is known of the vendor, with sources and confidence, stands in
//! `facts/HYTALE.md`; section numbers in this crate mean that text.

mod connect;
pub mod custody;
mod environment;
pub mod vendor;

pub use connect::{ConnectError, connect};
pub use environment::{Environment, Hosts, UnknownEnvironment};
