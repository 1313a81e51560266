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
mod control;
mod data;
mod faults;
mod hytale;
mod latency;
mod limits;
mod listings;
mod recordings;
mod support;
