//! `/api/admin/settings/webhooks*` and `/api/admin/deliveries*`: who is told what, and how
//! that went.
//!
//! Addresses and secrets go in here and never come out again: answers show what people may
//! see of an address, which comes back as "unchanged", and a signing secret when it is made.

pub mod change;
pub mod chosen;
pub mod create;
pub mod deliveries;
mod discord;
mod failure;
mod form;
pub mod list;
pub mod secrets;
pub mod test;
mod wire;

pub use wire::Webhook;
