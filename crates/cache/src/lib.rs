//! Redis, and the only crate that names `deadpool-redis`.
//!
//! Nothing here may matter when it is lost: Redis keeps no job, no lock and no
//! truth. It counts what several processes share ([`RedisBudget`], the rate
//! limits of [`RateLimiter`]) and carries news that can be read elsewhere
//! ([`ProgressFeed`]). Every operation is bounded by a short timeout, and its
//! failure tells the caller to do without.
//!
//! Counting happens in Lua, so that one call is one decision whoever else asks
//! at the same time, and by Redis' own clock, so that nobody's clock matters.

mod budget;
mod connection;
mod line;
mod progress;
mod rate_limit;

pub use budget::RedisBudget;
pub use connection::{Cache, CacheError, Settings};
pub use progress::{Heard, Progress, ProgressFeed, ProgressListener};
pub use rate_limit::{RateDecision, RateLimiter, RateRule, Ruling};
