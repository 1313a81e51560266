//! Custody of Hytale accounts, with a simulated Hytale.

mod login;
mod owners;
mod sessions;
pub mod stage;
mod tokens;
