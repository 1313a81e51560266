//! E-mail through Resend (<https://resend.com/docs/api-reference/emails/send-email>).

mod client;
mod judge;

pub use client::{Email, Resend};
