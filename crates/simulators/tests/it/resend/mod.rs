//! Resend.

mod admission;
mod batch;
mod control;
mod emails;
mod events;
mod faults;
mod idempotency;
mod limits;
mod support;
