//! Mail: sent for callers, and what Resend says of it.

pub mod hook;
pub mod queue;
pub mod suppressions;
