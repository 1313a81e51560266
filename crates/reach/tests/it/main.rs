//! Against a real PostgreSQL; each test has a database of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod budget;
mod panels;
mod settings;
mod stage;
mod vault;
