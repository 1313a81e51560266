//! The gateway over real HTTP, with a database, virtual host and key prefix of its
//! own for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "nobody imports tests")]

mod access;
mod api_keys;
mod bearers;
mod clients;
mod errors;
mod events;
mod failed_credentials;
mod gateway;
mod hytale;
mod lifecycle;
mod limits;
mod mail;
mod mail_limits;
mod mail_suppressions;
mod mails;
mod me;
mod openapi;
mod sentry;
mod server_log_calls;
mod server_logs;
mod servers;
mod settings;
mod stream;
mod sync;
mod sync_logs;
mod users;
mod webhooks;
