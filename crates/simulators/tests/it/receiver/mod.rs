//! Somebody's webhook endpoint.

mod answers;
mod control;
mod journal;
mod support;
mod wire;
