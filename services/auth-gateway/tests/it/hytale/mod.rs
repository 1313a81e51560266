//! Custody of Hytale accounts, with a simulated Hytale.

mod accounts;
mod docs;
mod limits;
mod login;
mod sessions;
mod stage;
mod tokens;
