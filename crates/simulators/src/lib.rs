//! The outside world as real HTTP servers with faults that can be switched on, for development and tests only.
//!
//! Nothing here imports anything of ours, so that a mistake shared with the product cannot hide.

mod asked;
mod clock;
pub mod discord;
pub mod faults;
pub mod hytale;
mod open;
pub mod panel;
pub mod receiver;
mod reply;
pub mod resend;
mod serve;
mod shared;
pub mod signature;
