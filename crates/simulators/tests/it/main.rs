//! The simulators through their public surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "the tests' names say what they are")]

mod access;
mod client_api;
mod command;
mod control;
mod data;
mod discord;
mod faults;
mod hytale;
mod latency;
mod limits;
mod listings;
mod receiver;
mod recordings;
mod resend;
mod support;
