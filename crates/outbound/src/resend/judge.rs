//! What Resend's answers mean, by the error's name first and the status second: over the
//! years, names moved between statuses (<https://resend.com/docs/api-reference/errors>).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::time::Duration;

use crate::answer::{LimitScope, Verdict};
use crate::exchange::Reply;

/// After a limit that does not say how long. The limit is for seconds.
const USUAL_WAIT: Duration = Duration::from_secs(1);
/// After a quota that does not say how long. It ends at some hour that is not told.
const QUOTA_WAIT: Duration = Duration::from_secs(60 * 60);
/// While the same e-mail is being sent by an earlier request.
const UNDER_WAY: Duration = Duration::from_secs(5);
/// How long Resend is left alone after its front door has refused us.
const BLOCK: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Deserialize)]
struct Said {
    name: String,
}

/// What Resend's answer means.
pub(super) fn judge(reply: &Reply, now: DateTime<Utc>) -> Verdict {
    let retry_after = reply.retry_after(now);
    let limited = |usual, scope| Verdict::Limited {
        wait: retry_after.unwrap_or(usual),
        scope,
    };
    let refused = |permanent| Verdict::Refused {
        permanent,
        retry_after: retry_after.filter(|_| !permanent),
    };
    let said = serde_json::from_slice::<Said>(&reply.body).ok();
    // The SDKs write one of the names with a capital letter.
    let name = said.map(|said| said.name.to_ascii_lowercase());
    match (reply.status, name.as_deref().unwrap_or_default()) {
        (200..=299, _) => Verdict::Delivered,
        (_, "rate_limit_exceeded") => limited(USUAL_WAIT, LimitScope::Provider),
        (_, "daily_quota_exceeded" | "monthly_quota_exceeded") => {
            limited(QUOTA_WAIT, LimitScope::Quota)
        }
        (_, "concurrent_idempotent_requests") => Verdict::Refused {
            permanent: false,
            retry_after: Some(retry_after.unwrap_or(UNDER_WAY)),
        },
        (
            _,
            "missing_api_key" | "restricted_api_key" | "invalid_api_key" | "suspended_api_key"
            | "invalid_permission",
        ) => Verdict::Misconfigured("INVALID_API_KEY"),
        (_, "invalid_from_address") => Verdict::Misconfigured("INVALID_FROM_ADDRESS"),
        // The domain is not verified, or the account may only write to its owner.
        (403, "validation_error") => Verdict::Misconfigured("SENDER_NOT_VERIFIED"),
        (
            _,
            "validation_error"
            | "invalid_idempotency_key"
            | "invalid_idempotent_request"
            | "missing_required_field"
            | "invalid_parameter"
            | "invalid_attachment"
            | "invalid_access"
            | "invalid_region"
            | "not_found"
            | "method_not_allowed"
            | "security_error",
        ) => refused(true),
        (_, "application_error" | "internal_server_error" | "service_unavailable") => {
            Verdict::Failed { retry_after }
        }
        // A page of Cloudflare's: no User-Agent, or our address is blocked.
        (403, "") => Verdict::ProviderBlocked { wait: BLOCK },
        (401, _) => Verdict::Misconfigured("INVALID_API_KEY"),
        (403, _) => Verdict::Misconfigured("FORBIDDEN"),
        (429, _) => limited(USUAL_WAIT, LimitScope::Provider),
        (400 | 404 | 405 | 413 | 422 | 451, _) => refused(true),
        (300..=499, _) => refused(false),
        _ => Verdict::Failed { retry_after },
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

    fn named(status: u16, name: &str) -> Verdict {
        let body = format!(r#"{{"statusCode":{status},"name":"{name}","message":"…"}}"#);
        verdict(status, &[], &body)
    }

    const fn refused(permanent: bool) -> Verdict {
        Verdict::Refused {
            permanent,
            retry_after: None,
        }
    }

    #[test]
    fn each_name_has_its_meaning_whatever_the_status() {
        let failed = Verdict::Failed { retry_after: None };
        let key = Verdict::Misconfigured("INVALID_API_KEY");
        for (status, name, expected) in [
            (400, "validation_error", refused(true)),
            (400, "invalid_idempotency_key", refused(true)),
            (409, "invalid_idempotent_request", refused(true)),
            (422, "missing_required_field", refused(true)),
            (451, "security_error", refused(true)),
            (401, "missing_api_key", key),
            (401, "restricted_api_key", key),
            (403, "invalid_api_Key", key),
            (403, "suspended_api_key", key),
            (403, "invalid_permission", key),
            (
                403,
                "validation_error",
                Verdict::Misconfigured("SENDER_NOT_VERIFIED"),
            ),
            (
                403,
                "invalid_from_address",
                Verdict::Misconfigured("INVALID_FROM_ADDRESS"),
            ),
            (
                422,
                "invalid_from_address",
                Verdict::Misconfigured("INVALID_FROM_ADDRESS"),
            ),
            (403, "something_new", Verdict::Misconfigured("FORBIDDEN")),
            (409, "something_new", refused(false)),
            (422, "something_new", refused(true)),
            (500, "application_error", failed),
            (500, "something_new", failed),
        ] {
            assert_eq!(named(status, name), expected, "{status} {name}");
        }
        assert_eq!(verdict(502, &[], "<html>"), failed);
        assert_eq!(verdict(302, &[], ""), refused(false));
    }

    #[test]
    fn limits_are_for_everything_that_goes_to_resend() {
        let limited = |seconds, scope| Verdict::Limited {
            wait: Duration::from_secs(seconds),
            scope,
        };
        let rate = LimitScope::Provider;
        assert_eq!(named(429, "rate_limit_exceeded"), limited(1, rate));
        let quota = limited(3_600, LimitScope::Quota);
        for name in ["daily_quota_exceeded", "monthly_quota_exceeded"] {
            assert_eq!(named(429, name), quota, "{name}");
        }
        assert_eq!(verdict(429, &[("retry-after", "3")], ""), limited(3, rate));
    }

    #[test]
    fn an_email_that_is_under_way_is_asked_for_again_later() {
        let expected = Verdict::Refused {
            permanent: false,
            retry_after: Some(UNDER_WAY),
        };
        assert_eq!(named(409, "concurrent_idempotent_requests"), expected);
    }

    #[test]
    fn a_page_in_resends_place_is_a_block() {
        let blocked = Verdict::ProviderBlocked { wait: BLOCK };
        assert_eq!(verdict(403, &[], "error code: 1010"), blocked);
    }
}
