//! Joins the store and the broker.
//!
//! - [`Relay`] publishes what transactions have written to the outbox.
//! - [`Guarded`] lets a message have its effect once, by the inbox.
//! - [`queues`] names every queue, so that all processes declare the same.

mod guarded;
mod outbox;
pub mod queues;

pub use guarded::{Effect, Guarded};
pub use outbox::{Relay, Round};
