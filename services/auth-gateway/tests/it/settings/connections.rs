use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::panel::{Effect, Fault, Options, Panel, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stage::{MASK, Stage};
use crate::gateway::{answer, closed_port, error_code};

const TEST: &str = "/api/admin/settings/test";

async fn panel() -> Panel {
    Panel::start(State::small(), Options::default())
        .await
        .unwrap()
}

/// A gateway whose environment names this panel.
async fn at_home(panel: &Panel) -> Stage {
    Stage::with(vec![
        ("PTERODACTYL_URL", panel.url()),
        ("PTERODACTYL_API_KEY", panel.application_key().to_owned()),
    ])
    .await
}

/// One that may also go to other panels on this machine.
async fn at_home_and_beyond(panel: &Panel) -> Stage {
    Stage::with(vec![
        ("PTERODACTYL_URL", panel.url()),
        ("PTERODACTYL_API_KEY", panel.application_key().to_owned()),
        ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
    ])
    .await
}

async fn tried(stage: &Stage, kind: &str, body: Value) -> Value {
    let path = format!("{TEST}?type={kind}");
    let (status, body) = stage.send(Method::POST, &path, &body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["success"], body["connected"], "{body}");
    assert_eq!(
        body["error"].is_string(),
        body["success"] == false,
        "{body}"
    );
    body
}

#[tokio::test]
async fn the_page_says_what_answers_and_what_does_not() {
    let panel = panel().await;
    let shown = at_home(&panel).await.shown().await;
    for status in ["pterodactylStatus", "databaseStatus"] {
        assert_eq!(shown[status]["success"], true, "{shown}");
        assert_eq!(shown[status]["connected"], true);
        assert!(shown[status]["latency"].is_u64());
    }
    assert!(shown["databaseStatus"]["version"].is_string());
    assert_eq!(shown["virtfusionStatus"]["connected"], false);
    assert_eq!(
        shown["virtfusionStatus"]["error"],
        "No address is configured"
    );
    let away = Stage::new().await.shown().await;
    assert_eq!(away["pterodactylStatus"]["success"], false);
}

#[tokio::test]
async fn a_panel_that_says_nothing_holds_the_page_for_a_few_seconds_at_most() {
    let panel = panel().await;
    let stage = at_home(&panel).await;
    let silence = Effect::Stall { seconds: 60.0 };
    panel.faults(|faults| faults.add(Fault::new(silence)));
    let began = Instant::now();
    let shown = stage.shown().await;
    assert_eq!(
        shown["pterodactylStatus"]["error"],
        "The panel did not answer in time"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    stage.shown().await;
    assert_eq!(panel.requests().len(), 1, "it is remembered for a while");
}

#[tokio::test]
async fn who_tries_out_a_panel_that_says_nothing_is_told_so_in_time() {
    let panel = panel().await;
    let stage = at_home(&panel).await;
    let silence = Effect::Stall { seconds: 60.0 };
    panel.faults(|faults| faults.add(Fault::new(silence)));
    let asked = tried(&stage, "pterodactyl", json!({}));
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await;
    assert_eq!(
        answer.expect("an answer")["error"],
        "The panel did not answer in time"
    );
}

#[tokio::test]
async fn a_connection_is_tried_with_what_is_sent_and_else_with_what_counts() {
    let panel = panel().await;
    let stage = at_home(&panel).await;
    let url = panel.url();
    for body in [
        json!({}),
        json!({"pterodactylUrl": "", "pterodactylApiKey": ""}),
        json!({"pterodactylUrl": url, "pterodactylApiKey": MASK}),
        json!({"pterodactylUrl": url, "pterodactylApiKey": panel.application_key()}),
    ] {
        assert_eq!(tried(&stage, "pterodactyl", body).await["success"], true);
    }
    let in_body = json!({"type": "pterodactyl", "pterodactylUrl": url, "pterodactylApiKey": ""});
    let (_, body) = stage.send(Method::POST, TEST, &in_body).await;
    assert_eq!(body["success"], true, "{body}");
    let wrong = json!({"pterodactylUrl": url, "pterodactylApiKey": "ptla_planted"});
    let refused = tried(&stage, "pterodactyl", wrong).await;
    assert_eq!(refused["error"], "The panel does not accept the key");
    let invalid = json!({"pterodactylUrl": "ftp://planted.example"});
    let refused = tried(&stage, "pterodactyl", invalid).await;
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("`pterodactylUrl`")
    );
    assert_eq!(tried(&stage, "database", json!({})).await["success"], true);
    assert_eq!(
        tried(&stage, "virtfusion", json!({})).await["success"],
        false
    );
    for unknown in ["?type=planted", "?type=", ""] {
        let request = stage.request(Method::POST, &format!("{TEST}{unknown}"));
        let (status, body) = answer(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
    }
    assert!(!stage.everything().await.contains("planted"));
}

#[tokio::test]
async fn a_key_that_counts_is_sent_to_no_other_address() {
    let (home, other) = (panel().await, panel().await);
    let stage = at_home_and_beyond(&home).await;
    let elsewhere = json!({"pterodactylUrl": other.url(), "pterodactylApiKey": MASK});
    let refused = tried(&stage, "pterodactyl", elsewhere).await;
    assert!(
        refused["error"].as_str().unwrap().contains("key is needed"),
        "{refused}"
    );
    assert!(other.requests().is_empty());
    let with_key = json!({
        "pterodactylUrl": other.url(), "pterodactylApiKey": other.application_key(),
    });
    assert_eq!(
        tried(&stage, "pterodactyl", with_key).await["success"],
        true
    );
}

#[tokio::test]
async fn the_service_token_that_counts_is_shown_to_no_other_address() {
    let (home, other) = (panel().await, panel().await);
    for panel in [&home, &other] {
        panel.access(|access| access.guard("id.access", "planted-token"));
    }
    let stage = Stage::with(vec![
        ("PTERODACTYL_URL", home.url()),
        ("PTERODACTYL_API_KEY", home.application_key().to_owned()),
        ("CF_ACCESS_CLIENT_ID", "id.access".to_owned()),
        ("CF_ACCESS_CLIENT_SECRET", "planted-token".to_owned()),
        ("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
    ])
    .await;
    let at_home = tried(&stage, "pterodactyl", json!({})).await;
    assert_eq!(at_home["success"], true, "{at_home}");
    let with_key = json!({
        "pterodactylUrl": other.url(), "pterodactylApiKey": other.application_key(),
    });
    let elsewhere = tried(&stage, "pterodactyl", with_key).await;
    assert_eq!(elsewhere["success"], false, "{elsewhere}");
}

#[tokio::test]
async fn addresses_that_only_we_can_reach_are_not_asked() {
    let (home, other) = (panel().await, panel().await);
    let stage = at_home(&home).await;
    let port = other.address().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}");
        let body = json!({"pterodactylUrl": url, "pterodactylApiKey": "ptla_x"});
        let refused = tried(&stage, "pterodactyl", body).await;
        let error = refused["error"].as_str().unwrap();
        assert!(
            error.contains("may not be asked from here"),
            "{host}: {error}"
        );
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn redirects_lead_nowhere_and_other_programs_are_no_panel() {
    let (home, other) = (panel().await, panel().await);
    let stage = at_home_and_beyond(&home).await;
    let body = json!({"pterodactylUrl": other.url(), "pterodactylApiKey": other.application_key()});
    for effect in [
        Effect::LoginRedirect,
        Effect::Html { status: 200 },
        Effect::Reset,
    ] {
        other.faults(|faults| {
            faults.clear();
            faults.add(Fault::new(effect.clone()));
        });
        other.clear_requests();
        let refused = tried(&stage, "pterodactyl", body.clone()).await;
        assert_eq!(refused["success"], false, "{effect:?}");
        assert!(other.requests().len() <= 1, "{effect:?}");
    }
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    let body = json!({"virtfusionUrl": nobody, "virtfusionApiKey": "x"});
    let refused = tried(&stage, "virtfusion", body).await;
    assert_eq!(refused["error"], "The panel cannot be reached");
}

#[tokio::test]
async fn a_damaged_key_is_said_to_be_one_and_sent_nowhere() {
    let panel = panel().await;
    let stage = at_home(&panel).await;
    stage
        .saved(json!({"pterodactylApiKey": "ptla_planted"}))
        .await;
    let damage =
        "UPDATE config SET value = overlay(value placing 'AAAA' from 30 for 4) RETURNING key";
    stage.text(damage).await;
    panel.clear_requests();
    let refused = tried(&stage, "pterodactyl", json!({})).await;
    assert_eq!(refused["error"], "A stored secret cannot be opened");
    let shown = stage.shown().await;
    assert_eq!(shown["pterodactylStatus"]["success"], false);
    assert!(
        panel.requests().is_empty(),
        "not with the environment's either"
    );
}

#[tokio::test]
async fn virtfusion_is_asked_in_its_own_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/control", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let stage = Stage::with(vec![("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.1".to_owned())]).await;
    let body = json!({"virtfusionUrl": url, "virtfusionApiKey": "the-key"});
    assert_eq!(tried(&stage, "virtfusion", body).await["success"], true);
    let head = asked.await.unwrap();
    assert!(
        head.starts_with("GET /control/api/v1/connect HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("Bearer the-key"), "{head}");
}
