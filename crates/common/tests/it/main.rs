#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod asyncapi;
mod crypto;
mod golden;
mod settings;
mod webhooks_guide;
