//! How the vendor is asked at all: who we say we are, when we stop, what we let slip.

use common::types::hytale::HytaleEnvironment;
use hytale::Hosts;
use hytale::vendor::{Host, NotSent, Refusal, SettingsError, Vendor, VendorError, VendorSettings};
use metrics_exporter_prometheus::PrometheusBuilder;
use secrecy::{ExposeSecret, SecretString};
use simulators::hytale::{Effect, Endpoint};
use std::time::Duration;
use upstream::RetryPolicy;
use uuid::Uuid;

use crate::stage::{HASTY, build, shown, stage, status};

#[tokio::test]
async fn we_say_who_we_are() {
    let stage = stage().await;
    stage.vendor.device_code().await.unwrap();
    let asked = stage.requests(Endpoint::DeviceAuth);
    let agent = asked[0].user_agent.as_deref().unwrap();
    assert!(agent.starts_with("nodebyte/"), "{agent}");
    assert_eq!(asked[0].client_id.as_deref(), Some("hytale-server"));
}

#[tokio::test]
async fn a_host_that_is_away_is_left_alone_and_the_others_are_not() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The test's runtime has no other thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let stage = stage().await;
    let access = stage.access_token("one");
    stage.strike(Endpoint::Profiles, status(503));
    for _ in 0..2 {
        stage.vendor.profiles(&access).await.unwrap_err();
    }
    let asked = stage.requests(Endpoint::Profiles).len();
    assert_eq!(asked, 5);
    let error = stage.vendor.profiles(&access).await.unwrap_err();
    assert!(
        matches!(error, VendorError::NotSent(NotSent::BreakerOpen { wait }) if !wait.is_zero()),
        "{error:?}"
    );
    assert_eq!(stage.requests(Endpoint::Profiles).len(), asked);
    stage.vendor.ready(Host::AccountData).unwrap_err();
    stage.vendor.ready(Host::OAuth).unwrap();
    stage.vendor.device_code().await.unwrap();
    let shown = recorder.handle().render();
    for (host, open) in [("account data", 1), ("oauth", 0)] {
        let line = format!(r#"hytale_breaker_open{{host="{host}"}} {open}"#);
        assert!(shown.contains(&line), "{line} in {shown}");
    }
}

#[tokio::test]
async fn every_request_is_counted_by_what_came_of_it() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The test's runtime has no other thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let stage = stage().await;
    let code = stage.vendor.device_code().await.unwrap();
    stage.vendor.poll(&code.device_code).await.unwrap();
    let token = stage.refresh_token("one");
    stage.vendor.refresh(&token).await.unwrap();
    stage.vendor.refresh(&token).await.unwrap_err();
    stage.strike_times(1, Endpoint::RefreshToken, status(500));
    stage.vendor.refresh(&token).await.unwrap_err();
    let shown = recorder.handle().render();
    for (operation, outcome) in [
        ("device_code", "ok"),
        ("poll", "pending"),
        ("refresh", "ok"),
        ("refresh", "refused"),
        ("refresh", "lost"),
    ] {
        let line =
            format!(r#"hytale_requests_total{{operation="{operation}",outcome="{outcome}"}} 1"#);
        assert!(shown.contains(&line), "{line} in {shown}");
    }
    assert!(
        shown.contains(r#"hytale_request_seconds_count{operation="refresh"} 3"#),
        "{shown}"
    );
}

#[tokio::test]
async fn refusals_do_not_open_the_breaker() {
    let stage = stage().await;
    for _ in 0..8 {
        let bad = "bad".to_owned().into();
        let error = stage.vendor.profiles(&bad).await.unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::Forbidden));
    }
    stage.vendor.ready(Host::AccountData).unwrap();
}

#[tokio::test]
async fn no_token_appears_in_any_error() {
    let effects = [
        status(400),
        status(401),
        status(403),
        status(500),
        status(503),
        Effect::Closed,
        Effect::ResponseLost,
        Effect::ResponseHangs,
        Effect::Malformed,
        Effect::Html { status: 502 },
        Effect::Huge { bytes: 80 << 10 },
        Effect::ConcurrentUse,
    ];
    for effect in effects {
        let stage = build(|_| {}, HASTY).await;
        let login = stage.hytale.login("one");
        let refresh = SecretString::from(login.refresh_token.clone());
        let access = SecretString::from(login.access_token.clone());
        let profile = stage.hytale.account("one").unwrap().profiles[0].uuid;
        let session = stage.vendor.session_new(&access, profile).await.unwrap();
        let code = stage.vendor.device_code().await.unwrap();
        assert!(stage.hytale.approve(&code.user_code, "one"));
        for endpoint in [
            Endpoint::DeviceToken,
            Endpoint::Profiles,
            Endpoint::SessionNew,
            Endpoint::SessionRefresh,
            Endpoint::RefreshToken,
        ] {
            stage.strike(endpoint, effect.clone());
        }
        let errors = [
            stage.vendor.poll(&code.device_code).await.err(),
            stage.vendor.profiles(&access).await.err(),
            stage.vendor.session_new(&access, profile).await.err(),
            stage
                .vendor
                .session_refresh(&session.session_token)
                .await
                .err(),
            stage.vendor.refresh(&refresh).await.err(),
            // Spent by now, or unknown: a refusal with the vendor's own words.
            stage.vendor.refresh(&refresh).await.err(),
        ];
        let mut secrets: Vec<String> = stage
            .hytale
            .journal()
            .into_iter()
            .flat_map(|entry| entry.issued.into_iter().chain(entry.presented))
            .collect();
        secrets.extend([login.refresh_token, login.access_token]);
        secrets.push(code.device_code.expose_secret().to_owned());
        for error in errors.iter().flatten() {
            let shown = shown(error);
            for secret in &secrets {
                assert!(!shown.contains(secret.as_str()), "{effect:?}: {shown}");
            }
            assert!(!shown.contains("http://"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_not_sent() {
    let stage = stage().await;
    let odd = SecretString::from("line\r\nbreak");
    let error = stage
        .vendor
        .session_new(&odd, Uuid::nil())
        .await
        .unwrap_err();
    assert!(matches!(error, VendorError::NotSent(NotSent::Unsendable)));
    assert!(!error.is_transient() && stage.hytale.journal().is_empty());
}

#[test]
fn an_address_that_cannot_work_is_refused_at_once() {
    let hosts = Hosts {
        sessions: "https://sessions.example/?a=b".parse().unwrap(),
        ..Hosts::of(HytaleEnvironment::Staging)
    };
    let settings = VendorSettings {
        hosts,
        request_timeout: Duration::from_secs(1),
        retry: RetryPolicy::default(),
    };
    let error = Vendor::new(settings).unwrap_err();
    assert!(matches!(
        error,
        SettingsError::Address {
            name: "sessions",
            ..
        }
    ));
}
