//! Discord's webhooks.

mod control;
mod execute;
mod faults;
mod form;
mod limits;
mod messages;
mod support;
