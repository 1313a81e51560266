//! What tests share: a database, a virtual host and a key prefix of their own, on servers that the
//! environment names (`cargo xtask test` sets it), and bounded waiting.
//!
//! Each test owns what it touches, so all of them run in parallel, under cargo-nextest (a process
//! per test) as under `cargo test` (a thread per test).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "serves only tests, which fail by panicking"
)]

mod cleanup;
mod database;
mod environment;
mod log;
mod migrations;
pub mod mirror;
mod proxy;
mod redis;
mod vhost;
mod wait;

pub use database::TestDatabase;
pub use environment::recordings;
pub use log::{LogLines, test_logger};
pub use proxy::Proxy;
pub use redis::TestRedis;
pub use simulators;
pub use vhost::TestVhost;
pub use wait::{Attempt, wait_for};
