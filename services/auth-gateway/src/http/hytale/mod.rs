//! Hytale: logins, tokens and game sessions of accounts in custody. Each operation
//! has the specification's address and the one that existing clients use; both lead
//! to the same handler.

pub mod accounts;
pub mod failure;
pub mod given;
pub mod login;
pub mod sessions;
pub mod tokens;
pub mod validate;
