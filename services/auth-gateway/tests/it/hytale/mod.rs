//! Custody of Hytale accounts, with a simulated Hytale.

mod accounts;
mod limits;
mod login;
mod owners;
mod sessions;
pub mod stage;
mod strangers;
mod tokens;
