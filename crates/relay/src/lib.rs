//! Joins the store and the broker.
//!
//! - [`Relay`] publishes what transactions have written to the outbox.
//! - [`Guarded`] notes in the inbox what a consumer has handled.
//! - [`queues`] names every queue, so that all processes declare the same.

mod guarded;
mod outbox;
pub mod queues;

pub use guarded::Guarded;
pub use outbox::{Relay, Round};
