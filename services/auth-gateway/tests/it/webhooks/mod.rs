//! Webhooks and deliveries over HTTP.

mod button;
mod deliveries;
mod form;
mod stage;
