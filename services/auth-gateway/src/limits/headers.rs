//! What an answer says of the limits that its request was counted against:
//! `X-RateLimit-*` as existing clients know them, and `RateLimit` with
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). The former tell of one
//! limit, the strict one where there is one; the latter are lists and tell of both.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;
use cache::RateDecision;
use common::types::limit::Limit;

use super::policy::Quota;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The fields that browsers may read.
pub const EXPOSED: [HeaderName; 5] = [LIMIT, REMAINING, RESET, STATE, POLICY];

/// What a request was counted against.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) strict: Option<Counted>,
    pub(super) general: Option<Counted>,
}

/// A decision about it, and by which limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) limit: Limit,
    pub(super) quota: Quota,
    pub(super) decision: RateDecision,
}

/// Bytes of all fields of two limits, as a rule.
const USUAL: usize = 192;

impl Counts {
    /// Every answer has these fields, so they share one piece of memory.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let Some(told) = self.strict.or(self.general) else {
            return;
        };
        let mut text = BytesMut::with_capacity(USUAL);
        let mut field = |name: HeaderName, write: &dyn Fn(&mut BytesMut)| {
            write(&mut text);
            // Numbers and names of ours: they always fit.
            if let Ok(value) = HeaderValue::from_maybe_shared(text.split().freeze()) {
                headers.insert(name, value);
            }
        };
        field(LIMIT, &|to| number(to, told.quota.requests.into()));
        field(REMAINING, &|to| number(to, told.decision.remaining.into()));
        field(RESET, &|to| number(to, whole_seconds(told.reset_at())));
        field(STATE, &|to| self.list(to, Counted::state));
        field(POLICY, &|to| self.list(to, Counted::policy));
    }

    fn list(self, to: &mut BytesMut, write: fn(Counted, &mut BytesMut)) {
        let mut is_first = true;
        for counted in [self.strict, self.general].into_iter().flatten() {
            if !is_first {
                to.extend_from_slice(b", ");
            }
            is_first = false;
            write(counted, to);
        }
    }
}

impl Counted {
    /// Since the epoch.
    fn reset_at(self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_add(self.decision.reset_after)
    }

    fn state(self, to: &mut BytesMut) {
        self.name(to);
        parameter(to, b";r=", self.decision.remaining.into());
        parameter(to, b";t=", whole_seconds(self.decision.reset_after));
    }

    fn policy(self, to: &mut BytesMut) {
        self.name(to);
        parameter(to, b";q=", self.quota.requests.into());
        parameter(to, b";w=", self.quota.window.as_secs());
    }

    fn name(self, to: &mut BytesMut) {
        to.extend_from_slice(b"\"");
        to.extend_from_slice(self.limit.name().as_bytes());
        to.extend_from_slice(b"\"");
    }
}

fn parameter(to: &mut BytesMut, name: &[u8], value: u64) {
    to.extend_from_slice(name);
    number(to, value);
}

fn number(to: &mut BytesMut, value: u64) {
    to.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(limit: Limit, requests: u32, remaining: u32) -> Option<Counted> {
        Some(Counted {
            limit,
            quota: Quota {
                requests,
                window: Duration::from_secs(60),
            },
            decision: RateDecision {
                allowed: true,
                remaining,
                retry_after: Duration::ZERO,
                reset_after: Duration::from_millis(1_500),
            },
        })
    }

    /// In the order in which they are listed for browsers.
    fn written(counts: Counts) -> Vec<(&'static str, String)> {
        let mut headers = HeaderMap::new();
        counts.write(&mut headers);
        let names = [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "ratelimit",
            "ratelimit-policy",
        ];
        let text = |name| Some((name, headers.get(name)?.to_str().unwrap().to_owned()));
        names.into_iter().filter_map(text).collect()
    }

    #[test]
    fn the_strict_limit_is_told_first_and_the_general_one_beside_it() {
        let counts = Counts {
            strict: counted(Limit::GameSession, 20, 19),
            general: counted(Limit::Key, 6_000, 5_000),
        };
        let expected = [
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "19"),
            ("ratelimit", r#""game-session";r=19;t=2, "key";r=5000;t=2"#),
            (
                "ratelimit-policy",
                r#""game-session";q=20;w=60, "key";q=6000;w=60"#,
            ),
        ];
        assert_eq!(
            written(counts),
            expected.map(|(field, value)| (field, value.to_owned()))
        );
    }

    #[test]
    fn without_a_strict_limit_the_general_one_is_told_and_without_any_nothing() {
        let counts = Counts {
            strict: None,
            general: counted(Limit::Bearer, 600, 6),
        };
        let fields = written(counts);
        assert_eq!(fields[0].1, "600");
        assert_eq!(fields[3].1, r#""bearer";q=600;w=60"#);
        assert!(written(Counts::default()).is_empty());
    }
}
