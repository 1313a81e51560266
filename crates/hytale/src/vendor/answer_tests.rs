use super::*;

const GRANT: &str = "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.";

fn failure(operation: Operation, status: u16, body: &str) -> VendorError {
    let reply = Reply {
        operation,
        status,
        retry_after: None,
        body: body.as_bytes().to_vec(),
        sent: &[],
    };
    reply
        .read(|_| None::<()>)
        .expect_err("nothing can be decoded")
}

fn refusal(operation: Operation, status: u16, body: &str) -> Refusal {
    failure(operation, status, body)
        .refusal()
        .expect("a refusal")
}

#[test]
fn the_oauth_error_counts_more_than_the_status() {
    for status in [400, 401, 403] {
        let error =
            |name: &str| refusal(Operation::Poll, status, &format!(r#"{{"error":"{name}"}}"#));
        assert_eq!(error("access_denied"), Refusal::AccessDenied);
        assert_eq!(error("expired_token"), Refusal::ExpiredToken);
        assert_eq!(error("invalid_client"), Refusal::InvalidClient);
        assert_eq!(error("invalid_scope"), Refusal::Configuration);
        assert_eq!(error("unauthorized_client"), Refusal::Configuration);
        assert_eq!(error("invalid_request"), Refusal::Configuration);
    }
}

#[test]
fn a_refresh_tokens_end_is_told_by_the_hint_alone() {
    for (hint, expected) in [
        (
            " The refresh token was already used.",
            GrantHint::AlreadyUsed,
        ),
        (" The refresh token expired.", GrantHint::Expired),
        (
            " The refresh token is malformed or not valid.",
            GrantHint::Malformed,
        ),
        ("", GrantHint::Unknown),
    ] {
        let body = format!(r#"{{"error":"invalid_grant","error_description":"{GRANT}{hint}"}}"#);
        assert_eq!(
            refusal(Operation::Refresh, 400, &body),
            Refusal::InvalidGrant { hint: expected }
        );
    }
}

#[test]
fn a_concurrent_refresh_is_not_fatal() {
    let body = r#"{"error":"invalid_request","error_description":"The request is missing a required parameter. Failed to refresh token because of multiple concurrent requests using the same token. Please retry the request."}"#;
    let error = failure(Operation::Refresh, 400, body);
    assert_eq!(error.refusal(), Some(Refusal::ConcurrentUse));
    assert!(error.is_transient());
}

#[test]
fn without_an_oauth_error_the_status_counts() {
    for body in ["", "forbidden", "<html>", r#"{"error":"whatever"}"#, "[]"] {
        let of = |status| refusal(Operation::SessionNew, status, body);
        assert_eq!(of(400), Refusal::BadRequest);
        assert_eq!(of(401), Refusal::Unauthorized);
        assert_eq!(of(403), Refusal::Forbidden);
        assert_eq!(of(404), Refusal::NotFound);
        assert_eq!(of(302), Refusal::Unexpected { status: 302 });
    }
}

#[test]
fn the_session_service_does_not_speak_oauth() {
    let body = r#"{"error":"invalid_grant"}"#;
    assert_eq!(
        refusal(Operation::SessionNew, 403, body),
        Refusal::Forbidden
    );
}

#[test]
fn a_5xx_leaves_open_whether_a_token_was_spent() {
    for status in [408, 500, 502, 503, 504, 520] {
        let of = |operation| failure(operation, status, r#"{"error":"server_error"}"#);
        assert!(matches!(of(Operation::Refresh), VendorError::Lost(_)));
        assert!(matches!(of(Operation::Poll), VendorError::Lost(_)));
        assert!(matches!(of(Operation::Profiles), VendorError::Down { .. }));
        if status == 503 {
            assert!(matches!(
                of(Operation::SessionNew),
                VendorError::Busy { .. }
            ));
        } else {
            assert!(matches!(of(Operation::SessionNew), VendorError::Lost(_)));
        }
    }
}

#[test]
fn busy_is_said_by_429_or_by_a_503_that_means_it() {
    let of = |status, retry_after, body: &str| {
        let reply = Reply {
            operation: Operation::Refresh,
            status,
            retry_after,
            body: body.as_bytes().to_vec(),
            sent: &[],
        };
        reply.read(|_| None::<()>).expect_err("a failure")
    };
    let busy = |error| match error {
        VendorError::Busy { retry_after } => retry_after,
        other => panic!("{other:?}"),
    };
    let day = Some(Duration::from_secs(86_400));
    assert_eq!(busy(of(429, None, "")), None);
    assert_eq!(busy(of(429, day, "")), Some(LONGEST_PAUSE));
    assert_eq!(
        busy(of(503, Some(Duration::from_secs(3)), "")),
        Some(Duration::from_secs(3))
    );
    let unavailable = r#"{"error":"temporarily_unavailable"}"#;
    assert_eq!(busy(of(503, None, unavailable)), None);
    assert!(matches!(of(503, None, ""), VendorError::Lost(_)));
}

#[test]
fn a_success_that_cannot_be_read_is_lost_and_not_quoted() {
    let error = failure(
        Operation::Refresh,
        200,
        r#"{"access_token":17,"refresh_token":"ory_rt_x"}"#,
    );
    assert!(matches!(
        error,
        VendorError::Lost(Lost::Unreadable { status: 200 })
    ));
    assert!(!format!("{error:?} {error}").contains("ory_rt_x"));
}
