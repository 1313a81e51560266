#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod client_key;
mod config;
mod error_chain;
mod health;
mod http;
mod log;
mod metrics;
mod sentry;
mod shutdown;
mod support;
