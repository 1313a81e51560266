//! Webhooks made, changed, shown and removed, as the website does it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, WEBHOOKS, id};
use crate::gateway::error_code;
use crate::settings::stage::MASK;

#[tokio::test]
async fn a_webhook_of_discord_is_made_shown_masked_and_nothing_is_posted() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let made = stage
        .made(json!({"name": "ops", "webhookUrl": there.public_url, "type": "SYSTEM", "scope": "ADMIN",
                     "description": "for those on call"}))
        .await;
    assert_eq!(made["webhook"]["kind"], "discord");
    assert!(made.get("signingSecret").is_none());
    let listed = stage.listed().await;
    assert_eq!(listed.len(), 1);
    for field in [
        "id",
        "name",
        "webhookUrl",
        "type",
        "scope",
        "description",
        "enabled",
        "testSuccessAt",
        "createdAt",
    ] {
        assert!(listed[0].get(field).is_some(), "{field} is missing");
    }
    assert_eq!(listed[0]["enabled"], true);
    let settings = stage.gateway.shown().await;
    assert_eq!(
        settings["settings"]["discordWebhooks"][0]["id"],
        listed[0]["id"]
    );
    for text in [
        made.to_string(),
        listed[0].to_string(),
        settings.to_string(),
        stage.gateway.everything().await,
    ] {
        assert!(!text.contains(&there.token), "{text}");
    }
    assert!(stage.discord.messages("100").is_empty());
    let stored = "SELECT string_agg(to_jsonb(w)::text, ' ') FROM webhooks w";
    assert!(!stage.gateway.text(stored).await.contains(&there.token));
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused_and_nothing_is_asked() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let gone = stage.discord.add_webhook("100");
    stage.discord.revoke(&gone.id);
    for url in [
        "no url",
        "ftp://example.com/webhooks/1",
        "https://169.254.169.254/webhooks/1/x",
        "https://10.0.0.1/webhooks/1/x",
        "https://[::ffff:10.0.0.1]/webhooks/",
        "https://u:p@example.com/webhooks/",
        &there.public_url.replace("https:", "http:"),
        &format!("{}/slack", there.public_url),
        &there
            .public_url
            .replace("discord.com", "discord.com.evil.example@discord.com"),
        &gone.public_url,
    ] {
        let (status, body) = stage
            .send(
                Method::POST,
                WEBHOOKS,
                &json!({"name": "x", "webhookUrl": url}),
            )
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url}: {body}");
        assert_eq!(error_code(status, &body), "INVALID_WEBHOOK_URL", "{url}");
        assert!(!body.to_string().contains(&there.token));
    }
    for (body, field) in [
        (json!({"webhookUrl": there.public_url}), ""),
        (json!({"name": "x"}), ""),
        (
            json!({"name": "x".repeat(101), "webhookUrl": there.public_url}),
            "name",
        ),
        (
            json!({"name": "x", "webhookUrl": there.public_url, "type": "ALL"}),
            "type",
        ),
        (
            json!({"name": "x", "webhookUrl": there.public_url, "scope": "ROOT"}),
            "scope",
        ),
        (
            json!({"name": "x", "webhookUrl": there.public_url, "events": ["Panel..*"]}),
            "events",
        ),
        (
            json!({"name": "x", "webhookUrl": there.public_url, "conditions": [{"field": "data.kind"}]}),
            "conditions",
        ),
    ] {
        let (status, answer) = stage.send(Method::POST, WEBHOOKS, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        if !field.is_empty() {
            assert_eq!(answer["details"]["field"], field, "{answer}");
        }
    }
    assert!(stage.listed().await.is_empty());
}

#[tokio::test]
async fn the_whole_form_comes_back_with_its_mask_and_the_address_stays() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let address = "SELECT address FROM webhooks";
    let before = stage.gateway.text(address).await;
    for url in [made["webhook"]["webhookUrl"].clone(), json!(MASK)] {
        let mut form = made["webhook"].clone();
        form["webhookUrl"] = url;
        form["name"] = json!("another");
        form["enabled"] = json!(false);
        form["scope"] = json!("USER");
        let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    let listed = stage.listed().await;
    assert_eq!(
        (
            &listed[0]["name"],
            &listed[0]["enabled"],
            &listed[0]["scope"]
        ),
        (&json!("another"), &json!(false), &json!("USER"))
    );
    assert_eq!(stage.gateway.text(address).await, before);
    let (status, _) = stage
        .send(
            Method::PUT,
            WEBHOOKS,
            &json!({"id": id(&made), "description": "d"}),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        stage.listed().await[0]["enabled"],
        false,
        "absent fields stay"
    );
    let unknown = json!({"id": Uuid::new_v4(), "name": "x"});
    assert_eq!(
        stage.send(Method::PUT, WEBHOOKS, &unknown).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn another_address_is_taken_but_not_one_of_another_kind() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let there = stage.discord.add_webhook("100");
    let put = |url: Value| json!({"id": id(&made), "webhookUrl": url});
    let (status, body) = stage
        .send(Method::PUT, WEBHOOKS, &put(json!(there.public_url)))
        .await;
    assert_eq!(error_code(status, &body), "KIND_CHANGED");
    let elsewhere = format!("{}/elsewhere", stage.receiver.url());
    let (status, _) = stage
        .send(Method::PUT, WEBHOOKS, &put(json!(elsewhere)))
        .await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = stage
        .send(Method::PATCH, WEBHOOKS, &json!({"id": id(&made)}))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stage.receiver.journal_of("/elsewhere").len(), 1);
}

#[tokio::test]
async fn a_webhook_is_removed_by_path_query_or_body_and_never_by_nothing() {
    let stage = Stage::new().await;
    let url = |it: &str| format!("{}/{it}", stage.receiver.url());
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(id(&stage
            .made(json!({"name": name, "webhookUrl": url(name)}))
            .await));
    }
    assert_eq!(
        stage.bare(Method::DELETE, WEBHOOKS).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(stage.listed().await.len(), 3);
    let by_path = format!("{WEBHOOKS}/{}", ids[0]);
    assert_eq!(stage.bare(Method::DELETE, &by_path).await.0, StatusCode::OK);
    let by_query = format!("{WEBHOOKS}?id={}", ids[1]);
    assert_eq!(
        stage.bare(Method::DELETE, &by_query).await.0,
        StatusCode::OK
    );
    let (status, _) = stage
        .send(Method::DELETE, WEBHOOKS, &json!({"id": ids[2]}))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(stage.listed().await.is_empty());
    assert_eq!(
        stage.bare(Method::DELETE, &by_path).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_wish_that_is_sent_twice_makes_one_webhook() {
    let stage = Stage::new().await;
    let (first, second) = (stage.signed().await, stage.signed().await);
    assert_eq!(first, second);
    assert_eq!(stage.listed().await.len(), 1);
}

#[tokio::test]
async fn every_change_stands_in_the_trail_without_address_and_secret() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let change = json!({"id": id(&made), "enabled": false});
    stage.send(Method::PUT, WEBHOOKS, &change).await;
    stage.send(Method::PUT, WEBHOOKS, &change).await;
    stage
        .bare(Method::DELETE, &format!("{WEBHOOKS}/{}", id(&made)))
        .await;
    let (_, trail) = stage.bare(Method::GET, "/api/admin/audit").await;
    let events: Vec<&str> = trail["logs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["event"].as_str())
        .filter(|it| it.starts_with("WEBHOOK_"))
        .collect();
    assert_eq!(
        events,
        ["WEBHOOK_DELETED", "WEBHOOK_CHANGED", "WEBHOOK_CREATED"]
    );
    let changed = &trail["logs"][1];
    assert_eq!(
        (
            &changed["details"]["before"]["enabled"],
            &changed["details"]["after"]["enabled"]
        ),
        (&json!(true), &json!(false))
    );
    assert!(changed["actor"].as_str().unwrap().starts_with("user:"));
    let secret = made["signingSecret"].as_str().unwrap();
    let all = stage.gateway.everything().await;
    assert!(!all.contains("planted-in-query") && !all.contains(secret));
}
