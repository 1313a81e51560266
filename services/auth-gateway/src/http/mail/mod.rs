//! Mail: sent for callers, and what Resend says of it.

pub mod hook;
pub mod list;
pub mod queue;
pub mod suppressions;
