//! How much may be asked: of a webhook, of a channel, by an address, and wrongly by an address.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::reply::Reply;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// In how many milliseconds.
    pub milliseconds: u64,
}

impl Rate {
    /// So many in so much time.
    pub const fn new(count: usize, milliseconds: u64) -> Self {
        Self {
            count,
            milliseconds,
        }
    }

    fn window(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            milliseconds: self.window().mul_f64(factor.max(0.0)).as_millis() as u64,
            ..self
        }
    }
}

/// The limits; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Of one webhook and kind of request, as the headers tell: windows that begin with a first request.
    pub webhook: Option<Rate>,
    /// Of messages to one channel, by all its webhooks; no header tells of it.
    pub channel: Option<Rate>,
    /// Of one address.
    pub global: Option<Rate>,
    /// Of answers 401, 403 and 429 (but for shared limits) to one address; beyond it is shut out.
    pub invalid: Option<Rate>,
}

impl Limits {
    /// Those that are told of the real one.
    pub const fn real() -> Self {
        Self {
            webhook: Some(Rate::new(5, 2_000)),
            channel: Some(Rate::new(30, 60_000)),
            global: Some(Rate::new(50, 1_000)),
            invalid: Some(Rate::new(10_000, 600_000)),
        }
    }

    /// None at all.
    pub const fn off() -> Self {
        Self {
            webhook: None,
            channel: None,
            global: None,
            invalid: None,
        }
    }

    /// The same with windows this many times as long.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scaled = |rate: Option<Rate>| rate.map(|rate| rate.scaled(factor));
        Self {
            webhook: scaled(self.webhook),
            channel: scaled(self.channel),
            global: scaled(self.global),
            invalid: scaled(self.invalid),
        }
    }
}

/// What a webhook's headers say.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    limit: usize,
    remaining: usize,
    reset_after: Duration,
    refused: bool,
}

impl Standing {
    /// How long to wait, if the request is one too many.
    pub fn refused(&self) -> Option<Duration> {
        self.refused.then_some(self.reset_after)
    }

    /// Writes it on an answer; the bucket is that of the kind of request.
    pub fn write(&self, reply: Reply, bucket: &str) -> Reply {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let reset = now.unwrap_or_default() + self.reset_after;
        reply
            .with("X-RateLimit-Limit", self.limit)
            .with("X-RateLimit-Remaining", self.remaining)
            .with("X-RateLimit-Reset", format!("{:.3}", reset.as_secs_f64()))
            .with(
                "X-RateLimit-Reset-After",
                format!("{:.3}", self.reset_after.as_secs_f64()),
            )
            .with("X-RateLimit-Bucket", bucket)
    }
}

struct Window {
    ends: Instant,
    used: usize,
}

/// The moments of the last requests.
#[derive(Default)]
struct Moments(VecDeque<Instant>);

impl Moments {
    fn forget(&mut self, rate: Rate, now: Instant) {
        while self.0.front().is_some_and(|at| *at + rate.window() <= now) {
            self.0.pop_front();
        }
    }

    /// How long until one fits, if none does now.
    fn full(&mut self, rate: Rate, now: Instant) -> Option<Duration> {
        self.forget(rate, now);
        let over = self.0.len().checked_sub(rate.count)?;
        // Where nothing fits ever, a whole window is as good an answer as any.
        let oldest = self.0.get(over).copied().unwrap_or(now);
        Some(oldest + rate.window() - now)
    }

    /// Counts one, or says how long until one fits.
    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        if let Some(wait) = self.full(rate, now) {
            return Err(wait);
        }
        self.0.push_back(now);
        Ok(())
    }
}

/// Counts requests.
pub struct Limiter {
    limits: Limits,
    webhooks: BTreeMap<(String, &'static str), Window>,
    channels: BTreeMap<String, Moments>,
    addresses: BTreeMap<IpAddr, Moments>,
    invalid: BTreeMap<IpAddr, Moments>,
}

impl Limiter {
    /// Has not counted anything.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            webhooks: BTreeMap::new(),
            channels: BTreeMap::new(),
            addresses: BTreeMap::new(),
            invalid: BTreeMap::new(),
        }
    }

    /// Other limits; what was counted is forgotten, but for what counts towards a ban.
    pub fn set(&mut self, limits: Limits) {
        let invalid = std::mem::take(&mut self.invalid);
        *self = Self {
            invalid,
            ..Self::new(limits)
        };
    }

    /// Counts a request of an address, or says how long until one fits.
    pub fn address(&mut self, from: IpAddr) -> Result<(), Duration> {
        let Some(rate) = self.limits.global else {
            return Ok(());
        };
        let moments = self.addresses.entry(from).or_default();
        moments.take(rate, Instant::now())
    }

    /// Counts a message to a channel, or says how long until one fits.
    pub fn channel(&mut self, channel_id: &str) -> Result<(), Duration> {
        let Some(rate) = self.limits.channel else {
            return Ok(());
        };
        let moments = self.channels.entry(channel_id.to_owned()).or_default();
        moments.take(rate, Instant::now())
    }

    /// Counts a request of some kind for a webhook.
    pub fn webhook(&mut self, id: &str, kind: &'static str) -> Option<Standing> {
        let rate = self.limits.webhook?;
        let now = Instant::now();
        let fresh = || Window {
            ends: now + rate.window(),
            used: 0,
        };
        let window = self.webhooks.entry((id.to_owned(), kind));
        let window = window.or_insert_with(fresh);
        if window.ends <= now {
            *window = fresh();
        }
        let refused = window.used >= rate.count;
        window.used += usize::from(!refused);
        Some(Standing {
            limit: rate.count,
            remaining: rate.count - window.used,
            reset_after: window.ends - now,
            refused,
        })
    }

    /// Counts an answer that tells of a client that does not listen.
    pub fn count_invalid(&mut self, from: IpAddr) {
        let now = Instant::now();
        self.invalid.entry(from).or_default().0.push_back(now);
    }

    /// How long an address is shut out yet, if it is.
    pub fn banned(&mut self, from: IpAddr) -> Option<Duration> {
        let rate = self.limits.invalid?;
        self.invalid.get_mut(&from)?.full(rate, Instant::now())
    }

    /// Answers that count towards a ban, of all addresses.
    pub fn invalid(&mut self) -> usize {
        // Without a limit the real window is the one that is asked for.
        let rate = self.limits.invalid.or(Limits::real().invalid);
        let now = Instant::now();
        for moments in self.invalid.values_mut() {
            if let Some(rate) = rate {
                moments.forget(rate, now);
            }
        }
        self.invalid.values().map(|moments| moments.0.len()).sum()
    }
}
