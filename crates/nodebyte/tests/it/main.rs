//! The built binary against a real PostgreSQL and a real RabbitMQ; each test has a
//! database and a virtual host of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod api_key;
mod audit;
mod cli;
mod config;
mod dead;
mod deliveries;
mod encryption_key;
mod held;
mod keys;
mod limit;
mod mails;
mod manners;
mod panel;
mod runs;
mod sealed;
mod user;
mod watch;
