//! Webhooks and deliveries over HTTP.

mod button;
mod deliveries;
mod dispatch;
mod form;
mod kept;
mod repeated;
mod secrets;
mod stage;
mod subscription;
