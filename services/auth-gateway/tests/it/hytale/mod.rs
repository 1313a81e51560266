//! Custody of Hytale accounts, with a simulated Hytale.

mod accounts;
mod docs;
mod granted;
mod inventory;
mod limits;
mod login;
mod login_subjects;
mod lost_commits;
mod owners;
mod refusals;
mod session_wishes;
mod sessions;
mod sharing;
pub mod stage;
mod strangers;
mod tokens;
mod trail;
