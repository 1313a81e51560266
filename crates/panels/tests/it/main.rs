//! Tests of the panel client through its public surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "tests explain themselves by their names")]

mod budget;
mod faults;
mod live;
mod politeness;
mod reaching;
mod recordings;
mod refusals;
mod sameness;
mod setup;
mod span;
mod stage;
mod values;
