#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod auto_sync;
mod health;
mod process;
mod trail;
mod upkeep;
