//! Custody of Hytale accounts, with a simulated Hytale.

mod login;
mod sessions;
mod stage;
mod tokens;
