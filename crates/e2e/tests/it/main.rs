//! Runs over real processes that are hurt meanwhile. Each ends with the mirror
//! compared row by row with the panel; those over Hytale end with its journal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "tests fail by panicking and run alone"
)]

mod beside;
mod custody;
mod killed;
mod listeners;
mod look;
mod messages;
mod outages;
mod paused;
mod rotated;
mod secrets;
mod secrets_told;
mod service;
mod told;
mod world;
