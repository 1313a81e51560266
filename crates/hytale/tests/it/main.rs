//! Tests of the vendor's client and the verification through their public surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(missing_docs, reason = "tests explain themselves by their names")]

mod claims;
mod keys;
mod login;
mod manners;
mod random;
mod second;
mod sessions;
mod spending;
mod stage;
mod upkeep;
mod wycheproof;
