//! Hytale, the vendor of the game: its client ([`vendor`]), and whether
//! a token is its own ([`verify`]).
//!
//! What is known of the vendor, with sources and confidence, stands in
//! `facts/HYTALE.md`; section numbers in this crate mean that text.

mod environment;
pub mod vendor;
pub mod verify;

pub use environment::{Environment, Hosts, UnknownEnvironment};
