//! The worker against a simulated panel, and real PostgreSQL, Redis and RabbitMQ.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "tests fail by panicking and run alone"
)]

mod accounts;
mod anew;
mod deletion;
mod doubt;
mod events;
mod faults;
mod held;
mod housekeeping;
mod identity;
mod identity_of_rows;
mod merge;
mod mutation;
mod partly;
mod places;
mod politeness;
mod proof;
mod property;
mod runs;
mod silence;
mod stage;
