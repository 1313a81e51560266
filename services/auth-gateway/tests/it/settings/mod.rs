//! What administrators change, over HTTP.

mod connections;
mod form;
mod origins;
mod repositories;
mod stage;
mod trail;
