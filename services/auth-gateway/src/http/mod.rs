//! Handlers and what they take and answer. Wire types stand beside their
//! handlers; rows of the database are never sent as they are.

pub mod admin_audit;
pub mod answer;
pub mod body;
pub mod dispatch;
mod doubled;
pub mod failure;
pub mod given;
pub mod hytale;
pub mod idempotency;
pub mod jwks;
pub mod mail;
pub mod me;
pub mod page;
pub mod panel_error;
pub mod servers;
pub mod settings;
pub mod sync;
pub mod sync_log;
pub mod sync_request;
pub mod sync_stream;
pub mod webhooks;
