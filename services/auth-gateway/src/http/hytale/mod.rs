//! Hytale: logins, tokens and game sessions of accounts in custody, what happened to
//! them, and what game servers say. Each operation has the specification's address and
//! the one that existing clients use; both lead to the same handler.

pub mod accounts;
pub mod audit;
pub mod failure;
pub mod inventory;
pub mod log_lines;
pub mod login;
pub mod owners;
pub mod server_logs;
pub mod sessions;
pub mod tokens;
pub mod validate;
