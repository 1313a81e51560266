//! The aggregates, against real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "tests fail by panicking and run alone"
)]

mod accounts;
mod api_keys;
mod bring;
mod cleanup;
mod custody;
mod custody_steps;
mod deliveries;
mod fences;
mod holds;
mod links;
mod logins;
mod mails;
mod messaging;
mod migrate;
mod mirror;
mod rate_limits;
mod runs;
mod sealed;
mod sessions;
mod spends;
mod stage;
mod step_back;
mod tasks;
mod together;
mod told;
