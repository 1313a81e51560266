//! What administrators change, over HTTP.

mod connections;
mod form;
mod origins;
mod repositories;
pub mod stage;
mod trail;
