//! What an answer says of the limit that its request was counted against:
//! `X-RateLimit-*` as existing clients know them, and `RateLimit` with
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use cache::RateDecision;

use super::policy::{Limit, Quota};

/// The fields that browsers may read.
pub const EXPOSED: [&str; 5] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
];

tokio::task_local! {
    static COUNTED: Cell<Option<Counted>>;
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    limit: Limit,
    quota: Quota,
    decision: RateDecision,
}

/// Keeps a decision for the answer; the last one counts.
pub(super) fn keep(limit: Limit, quota: Quota, decision: RateDecision) {
    let counted = Counted {
        limit,
        quota,
        decision,
    };
    // Outside of a request there is no answer to write on.
    let _ = COUNTED.try_with(|cell| cell.set(Some(counted)));
}

/// Answers a request and writes what was kept for it.
pub async fn write_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    COUNTED
        .scope(Cell::new(None), async move {
            let mut response = next.call(request).await?;
            if let Ok(Some(counted)) = COUNTED.try_with(Cell::get) {
                counted.write(response.headers_mut());
            }
            Ok(response)
        })
        .await
}

impl Counted {
    fn write(self, headers: &mut HeaderMap) {
        let Self {
            limit,
            quota,
            decision,
        } = self;
        let name = limit.name();
        let reset_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_add(decision.reset_after);
        let values = [
            quota.requests.to_string(),
            decision.remaining.to_string(),
            whole_seconds(reset_at).to_string(),
            format!(
                r#""{name}";r={};t={}"#,
                decision.remaining,
                whole_seconds(decision.reset_after)
            ),
            format!(
                r#""{name}";q={};w={}"#,
                quota.requests,
                quota.window.as_secs()
            ),
        ];
        for (field, value) in EXPOSED.into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(field), value);
            }
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
