//! Stored secrets.
//!
//! A secret lies in its row as an [`envelope`], sealed by the active key of a
//! [`keyring`]. The ring's data keys are rows themselves, each wrapped by the
//! [`master`] key that an operator keeps outside the database; so the master key
//! can be changed by wrapping a few rows anew, and a data key by sealing secrets
//! anew while the old one still opens the rest; all of them lie in one of a few
//! [places](place). What an earlier installation left
//! behind is read by [`legacy`], and only where the row's own [format](mod@format) says so.
//!
//! Keys that callers send ([`api_key`]) are not sealed but hashed: nobody needs to read
//! them again. Tokens that callers send ([`bearer`]) are signed, and so are the webhooks
//! that we send and receive ([`webhook_signature`]).

pub mod api_key;
pub mod bearer;
mod cipher;
pub mod envelope;
pub mod format;
pub mod keyring;
pub mod legacy;
pub mod master;
pub mod place;
pub mod webhook_signature;

pub use cipher::NoRandomness;
