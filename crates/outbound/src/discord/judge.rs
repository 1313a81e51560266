//! What Discord's answers mean, by the JSON code first and the status second
//! (<https://discord.com/developers/docs/topics/opcodes-and-status-codes>).

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::time::Duration;

use crate::answer::{LimitScope, Verdict};
use crate::exchange::{Reply, seconds};

/// After a 429 that does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(5);
/// How long Discord is left alone after a block that does not say how long.
const USUAL_BLOCK: Duration = Duration::from_secs(15 * 60);
/// Bounds of what a block says: the shortest is long enough for a person to notice.
const SHORTEST_BLOCK: Duration = Duration::from_secs(60);
const LONGEST_BLOCK: Duration = Duration::from_secs(60 * 60);

/// The fields of an error that we read, each for itself: a field of another type than ours
/// does not make Discord's answer somebody else's.
struct Said(Map<String, Value>);

impl Said {
    fn code(&self) -> u64 {
        let code = self.0.get("code").and_then(Value::as_u64);
        code.unwrap_or_default()
    }

    fn retry_after(&self) -> Option<Duration> {
        seconds(self.0.get("retry_after")?.as_f64()?)
    }

    fn is_global(&self) -> bool {
        self.0.get("global") == Some(&Value::Bool(true))
    }
}

/// What Discord's answer means.
pub(super) fn judge(reply: &Reply, now: DateTime<Utc>) -> Verdict {
    if (200..300).contains(&reply.status) {
        return Verdict::Delivered;
    }
    let said = serde_json::from_slice(&reply.body).ok().map(Said);
    if is_blocked(reply, said.as_ref()) {
        let asked = reply.retry_after(now).unwrap_or(USUAL_BLOCK);
        return Verdict::ProviderBlocked {
            wait: asked.clamp(SHORTEST_BLOCK, LONGEST_BLOCK),
        };
    }
    let retry_after = reply.retry_after(now);
    let is_json = said.is_some();
    match (reply.status, said.as_ref().map_or(0, Said::code)) {
        (429, _) => limited(reply, said.as_ref(), retry_after),
        (400, 220_001) => Verdict::Misconfigured("THREAD_REQUIRED"),
        (400, 220_002) => Verdict::Misconfigured("THREAD_AMBIGUOUS"),
        (400, 220_003) => Verdict::Misconfigured("NOT_A_FORUM"),
        (400, 50_035 | 50_006) | (404, 10_008) | (405 | 413, _) => Verdict::Refused {
            permanent: true,
            retry_after: None,
        },
        // The token is all that is asked for, so nothing else can be wrong; and whoever
        // goes on asking is banned.
        (401, _) if is_json => Verdict::Gone("INVALID_WEBHOOK_TOKEN"),
        (403, 50_013) => Verdict::Misconfigured("MISSING_PERMISSIONS"),
        (403, 50_001) => Verdict::Misconfigured("MISSING_ACCESS"),
        (403, _) if is_json => Verdict::Misconfigured("FORBIDDEN"),
        (404, 10_015) => Verdict::Gone("UNKNOWN_WEBHOOK"),
        (404, 10_003) => Verdict::Gone("UNKNOWN_CHANNEL"),
        (300..=499, _) => Verdict::Refused {
            permanent: false,
            retry_after,
        },
        _ => Verdict::Failed { retry_after },
    }
}

/// Whether Cloudflare answered in Discord's place: a page, or a line such as
/// `error code: 1015`, where Discord itself speaks JSON.
fn is_blocked(reply: &Reply, said: Option<&Said>) -> bool {
    matches!(reply.status, 403 | 429) && said.is_none() && !reply.body.trim_ascii().is_empty()
}

/// Of header and body the longer wait: the header is in whole seconds, the body exact.
fn limited(reply: &Reply, said: Option<&Said>, retry_after: Option<Duration>) -> Verdict {
    let global = said.is_some_and(Said::is_global)
        || reply.header("x-ratelimit-global") == Some("true")
        || reply.header("x-ratelimit-scope") == Some("global");
    Verdict::Limited {
        wait: retry_after
            .max(said.and_then(Said::retry_after))
            .unwrap_or(USUAL_WAIT),
        scope: if global {
            LimitScope::Provider
        } else {
            LimitScope::Endpoint
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Verdict {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let reply = Reply {
            status,
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        };
        judge(&reply, Utc::now())
    }

    fn coded(status: u16, code: u32) -> Verdict {
        let body = format!(r#"{{"message":"…","code":{code}}}"#);
        verdict(status, &[], &body)
    }

    fn refused(permanent: bool) -> Verdict {
        Verdict::Refused {
            permanent,
            retry_after: None,
        }
    }

    #[test]
    fn each_code_has_its_meaning() {
        for (status, code, expected) in [
            (400, 50_035, refused(true)),
            (400, 50_006, refused(true)),
            (400, 0, refused(false)),
            (400, 220_001, Verdict::Misconfigured("THREAD_REQUIRED")),
            (400, 220_002, Verdict::Misconfigured("THREAD_AMBIGUOUS")),
            (400, 220_003, Verdict::Misconfigured("NOT_A_FORUM")),
            (401, 50_027, Verdict::Gone("INVALID_WEBHOOK_TOKEN")),
            (401, 0, Verdict::Gone("INVALID_WEBHOOK_TOKEN")),
            (403, 50_013, Verdict::Misconfigured("MISSING_PERMISSIONS")),
            (403, 50_001, Verdict::Misconfigured("MISSING_ACCESS")),
            (403, 1, Verdict::Misconfigured("FORBIDDEN")),
            (404, 10_015, Verdict::Gone("UNKNOWN_WEBHOOK")),
            (404, 10_003, Verdict::Gone("UNKNOWN_CHANNEL")),
            (404, 10_008, refused(true)),
            (404, 0, refused(false)),
            (405, 0, refused(true)),
            (413, 40_005, refused(true)),
        ] {
            assert_eq!(coded(status, code), expected, "{status}/{code}");
        }
    }

    #[test]
    fn pages_in_discords_place_are_blocks_or_failures() {
        let page = "<!DOCTYPE html><title>Access denied</title>";
        for (status, body) in [(403, page), (429, page), (429, "error code: 1015")] {
            let blocked = Verdict::ProviderBlocked { wait: USUAL_BLOCK };
            assert_eq!(verdict(status, &[], body), blocked, "{status} {body}");
        }
        let blocked = |seconds| Verdict::ProviderBlocked {
            wait: Duration::from_secs(seconds),
        };
        assert_eq!(verdict(429, &[("retry-after", "600")], page), blocked(600));
        assert_eq!(verdict(429, &[("retry-after", "1")], page), blocked(60));
        assert_eq!(
            verdict(429, &[("retry-after", "90000")], page),
            blocked(3_600)
        );
        let failed = Verdict::Failed { retry_after: None };
        assert_eq!(verdict(502, &[], page), failed);
        assert_eq!(verdict(404, &[], page), refused(false));
        assert_eq!(verdict(302, &[], ""), refused(false));
    }

    #[test]
    fn a_limit_says_how_long_and_for_whom() {
        let limited = |ms, scope| Verdict::Limited {
            wait: Duration::from_millis(ms),
            scope,
        };
        use LimitScope::{Endpoint, Provider};
        let body = r#"{"message":"…","retry_after":0.65,"global":false}"#;
        assert_eq!(verdict(429, &[], body), limited(650, Endpoint));
        let longer = [("retry-after", "41")];
        assert_eq!(verdict(429, &longer, body), limited(41_000, Endpoint));
        let shared = [("x-ratelimit-scope", "shared")];
        assert_eq!(verdict(429, &shared, body), limited(650, Endpoint));
        for header in [
            ("x-ratelimit-global", "true"),
            ("x-ratelimit-scope", "global"),
        ] {
            assert_eq!(verdict(429, &[header], body), limited(650, Provider));
        }
        let global = r#"{"retry_after":64.57,"global":true}"#;
        assert_eq!(verdict(429, &[], global), limited(64_570, Provider));
        assert_eq!(verdict(429, &[], ""), limited(5_000, Endpoint));
        let odd = r#"{"code":"x","retry_after":null,"global":null}"#;
        for body in ["{}", odd] {
            assert_eq!(verdict(429, &[], body), limited(5_000, Endpoint));
        }
    }
}
