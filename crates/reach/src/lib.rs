//! How panels are reached, and what else needs stored secrets. Joins what the store
//! holds (addresses, sealed keys, settings), the configuration, and the request budget
//! that all processes share.
//!
//! - [`settings`] lets stored settings override the environment.
//! - [`vault`] opens and seals what lies sealed in the database.
//! - [`mail`] renders and seals mail, opens it again and hands it over.
//! - [`rotation`] replaces the keys that seal, and says what they seal.
//! - [`signing`] keeps the keys that sign access tokens.
//! - [`webhooks`] opens the addresses and secrets of webhooks, and sends to them.
//! - [`SharedBudget`] takes requests from Redis, or a share of the limit without it.
//! - [`DiscordBudget`] takes requests to Discord, likewise.
//! - [`Panels`] has one client for each panel, made of all three.

mod budget;
mod discord_budget;
pub mod mail;
mod panels;
pub mod rotation;
pub mod settings;
pub mod signing;
pub mod vault;
pub mod webhooks;

pub use budget::SharedBudget;
pub use discord_budget::DiscordBudget;
pub use panels::{Manner, Panels, ReachError};
