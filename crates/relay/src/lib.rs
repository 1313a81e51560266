//! Joins the store and the broker, and settings with the keys that open them.
//!
//! - [`Relay`] publishes what transactions have written to the outbox.
//! - [`Guarded`] notes in the inbox what a consumer has handled.
//! - [`queues`] names every queue, so that all processes declare the same.
//! - [`vault`] opens and seals what lies sealed in the database.
//! - [`settings`] lets stored settings override the environment and says how a
//!   panel is reached.

mod guarded;
mod outbox;
pub mod queues;
pub mod settings;
pub mod vault;

pub use guarded::Guarded;
pub use outbox::{Relay, Round};
