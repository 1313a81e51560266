//! Tests of both clients through their public surface, against a server of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "tests explain themselves by their names")]

mod discord;
mod guarding;
mod resend;
mod server;
mod signed;
mod silences;
