//! How much may be asked in a second, and sent in a day and a month.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::refusal::{self, Refusal};
use crate::reply::Reply;

/// The limits; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests in a second, of all keys together.
    pub rate: Option<u32>,
    /// Recipients in a day.
    pub daily: Option<u64>,
    /// Recipients in a month.
    pub monthly: Option<u64>,
}

impl Limits {
    /// The most careful of what is told of the real one: two requests in a second, no quota.
    pub const fn real() -> Self {
        Self {
            rate: Some(2),
            ..Self::off()
        }
    }

    /// None at all.
    pub const fn off() -> Self {
        Self {
            rate: None,
            daily: None,
            monthly: None,
        }
    }
}

/// What the headers of an answer say of the rate.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    limit: u32,
    remaining: u32,
    reset: u64,
    /// Seconds to wait, if the request is one too many.
    pub refused: Option<u64>,
}

impl Standing {
    /// Writes it on an answer.
    pub fn write(&self, reply: Reply) -> Reply {
        reply
            .with("ratelimit-limit", self.limit)
            .with("ratelimit-remaining", self.remaining)
            .with("ratelimit-reset", self.reset)
    }
}

/// Counts requests and recipients.
pub struct Meter {
    limits: Limits,
    /// What is left in the bucket, at that instant.
    tokens: (f64, DateTime<Utc>),
    day: (NaiveDate, u64),
    month: (NaiveDate, u64),
}

impl Meter {
    /// Has not counted anything.
    pub fn new(limits: Limits, now: DateTime<Utc>) -> Self {
        let today = now.date_naive();
        Self {
            limits,
            tokens: (limits.rate.unwrap_or_default().into(), now),
            day: (today, 0),
            month: (first_of_month(today), 0),
        }
    }

    /// Other limits, with a full bucket.
    pub fn set(&mut self, limits: Limits) {
        self.limits = limits;
        self.tokens.0 = limits.rate.unwrap_or_default().into();
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts a request.
    pub fn request(&mut self, now: DateTime<Utc>) -> Option<Standing> {
        let limit = self.limits.rate?;
        let rate = f64::from(limit);
        let (tokens, since) = self.tokens;
        let seconds = (now - since).as_seconds_f64().max(0.0);
        let tokens = (tokens + seconds * rate).min(rate);
        let fits = tokens >= 1.0;
        let left = if fits { tokens - 1.0 } else { tokens };
        self.tokens = (left, now);
        // Where no request ever fits, a second is as good an answer as any.
        let wait = |wanted: f64| ((wanted - left).max(0.0) / rate.max(1.0)).ceil() as u64;
        Some(Standing {
            limit,
            remaining: left as u32,
            reset: wait(rate),
            refused: (!fits).then(|| wait(1.0).max(1)),
        })
    }

    /// Counts recipients, or says which quota they do not fit in.
    ///
    /// # Errors
    /// They do not fit, and none was counted.
    pub fn recipients(&mut self, count: u64, now: DateTime<Utc>) -> Result<(), Refusal> {
        let today = now.date_naive();
        if self.day.0 != today {
            self.day = (today, 0);
        }
        let month = first_of_month(today);
        if self.month.0 != month {
            self.month = (month, 0);
        }
        let over = |used: u64, quota: Option<u64>| quota.is_some_and(|quota| used + count > quota);
        if over(self.day.1, self.limits.daily) {
            return Err(refusal::quota_exceeded("daily_quota_exceeded"));
        }
        if over(self.month.1, self.limits.monthly) {
            return Err(refusal::quota_exceeded("monthly_quota_exceeded"));
        }
        self.day.1 += count;
        self.month.1 += count;
        Ok(())
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    // Every month has a first day.
    day.with_day(1).unwrap_or(day)
}
