use super::*;
use chrono::Timelike;
use secrecy::ExposeSecret;

#[test]
fn a_device_code_is_read_as_the_live_service_writes_it() {
    let body = br#"{"device_code":"ory_dc_x","user_code":"fkYMjXa6","verification_uri":"https://oauth.accounts.hytale.com/oauth2/device/verify","expires_in":599,"interval":5,"extra":1}"#;
    let code = device_code(body).expect("readable");
    assert_eq!(code.user_code, "fkYMjXa6");
    assert_eq!(code.verification_uri_complete, None);
    assert_eq!(code.expires_in, Duration::from_secs(599));
    let shown = format!("{code:?}");
    assert!(
        !shown.contains("fkYMjXa6") && !shown.contains("ory_dc_x"),
        "{shown}"
    );
}

#[test]
fn what_a_device_code_leaves_out_has_defaults() {
    let body = br#"{"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":0}"#;
    let code = device_code(body).expect("readable");
    assert_eq!(code.expires_in, Duration::from_secs(600));
    assert_eq!(code.interval, Duration::from_secs(1));
}

#[test]
fn a_link_that_is_no_web_address_is_not_shown() {
    let body =
        |uri: &str| format!(r#"{{"device_code":"d","user_code":"u","verification_uri":"{uri}"}}"#);
    assert!(device_code(body("javascript:alert(1)").as_bytes()).is_none());
    assert!(device_code(body("https://a.example/x").as_bytes()).is_some());
}

#[test]
fn tokens_may_come_without_a_new_refresh_token() {
    let set = token_set(
        br#"{"access_token":"a","expires_in":3599,"token_type":"bearer","scope":"offline"}"#,
    )
    .expect("readable");
    assert!(set.refresh_token.is_none());
    assert_eq!(set.expires_in, Duration::from_secs(3_599));
    assert!(token_set(br#"{"access_token":""}"#).is_none());
    assert!(token_set(br#"{"refresh_token":"r"}"#).is_none());
}

#[test]
fn a_token_sets_debug_shows_no_token() {
    let set = token_set(br#"{"access_token":"s3cret-a","refresh_token":"s3cret-r","id_token":"s3cret-i","expires_in":99999999999}"#)
        .expect("readable");
    assert!(!format!("{set:?}").contains("s3cret"));
    assert_eq!(set.expires_in, Duration::from_secs(LONGEST_LIFE));
}

#[test]
fn a_sessions_end_has_nanoseconds_or_none() {
    let read = |at: &str| {
        let body = format!(r#"{{"sessionToken":"s","identityToken":"i","expiresAt":"{at}"}}"#);
        session_tokens(body.as_bytes())
    };
    let live = read("2026-01-19T16:33:23.443439358Z").expect("readable");
    assert_eq!(live.expires_at.nanosecond(), 443_439_358);
    assert_eq!(live.identity_token.expose_secret(), "i");
    assert!(read("2026-01-07T15:00:00Z").is_some());
    assert!(read("tomorrow").is_none());
}

#[test]
fn an_unknown_kind_of_key_does_not_spoil_the_others() {
    let read = keys(
        br#"{"keys":[{"kty":7},{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"k","use":"sig"}]}"#,
    )
    .expect("readable");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].kid.as_deref(), Some("k"));
}

#[test]
fn an_account_without_a_licence_has_no_profiles() {
    use crate::vendor::Profiles;
    for profiles in ["", r#","profiles":null"#, r#","profiles":[]"#] {
        let body = format!(r#"{{"owner":"550e8400-e29b-41d4-a716-446655440000"{profiles}}}"#);
        let read: Profiles = serde_json::from_str(&body).expect("readable");
        assert!(read.profiles.is_empty());
    }
}
