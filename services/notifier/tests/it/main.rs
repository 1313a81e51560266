//! The notifier, against real PostgreSQL and RabbitMQ and simulated endpoints.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod delivery;
mod discord;
mod health;
mod mail;
mod mail_pauses;
mod matching;
mod messages;
mod post;
mod receivers;
mod retries;
mod secrets;
mod stage;
mod upkeep;
