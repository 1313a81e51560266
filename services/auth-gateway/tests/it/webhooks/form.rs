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
async fn a_masked_address_that_is_not_the_one_shown_never_takes_the_real_ones_place() {
    let stage = Stage::new().await;
    let signed = stage.signed().await;
    let there = stage.discord.add_webhook("100").public_url;
    let thread = format!("{there}?thread_id=100000000000000005");
    let discord = stage.made(json!({"name": "d", "webhookUrl": thread})).await;
    let shown = |made: &Value| made["webhook"]["webhookUrl"].as_str().unwrap().to_owned();
    // Another administrator saves another address while the form stands open.
    let elsewhere = "https://elsewhere.example/hook";
    let put = |made: &Value, url: &str| json!({"id": id(made), "webhookUrl": url});
    for (made, url) in [(&signed, elsewhere), (&discord, there.as_str())] {
        let (status, body) = stage.send(Method::PUT, WEBHOOKS, &put(made, url)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    let addresses = "SELECT string_agg(address, ' ' ORDER BY id) FROM webhooks";
    let before = stage.gateway.text(addresses).await;
    for made in [&signed, &discord] {
        let stale = put(made, &shown(made));
        let new = json!({"name": "new", "webhookUrl": shown(made)});
        for (method, body) in [(Method::PUT, stale), (Method::POST, new)] {
            let (status, answer) = stage.send(method, WEBHOOKS, &body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
            assert_eq!(error_code(status, &answer), "INVALID_WEBHOOK_URL");
            assert_eq!(answer["details"]["field"], "webhookUrl");
            assert!(answer["error"].as_str().unwrap().contains("masked"));
        }
    }
    for url in [
        "https://x.example/?key=****",
        "https://x.example/***",
        "https://x.example/**/a",
        "https://x.example/****/a",
        "https://x.example/%2A%2A%2a%2A",
        "https://****.example/x",
        "https://x.example/••••",
        "https://x.example/%E2%80%A2%e2%80%a2",
    ] {
        let (status, answer) = stage.send(Method::PUT, WEBHOOKS, &put(&signed, url)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url}: {answer}");
    }
    assert_eq!(stage.gateway.text(addresses).await, before);
    assert_eq!(stage.listed().await.len(), 2);
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
    // The gateway knows its address by now.
    let pressed = json!({"id": id(&made)});
    let (status, _) = stage.send(Method::PATCH, WEBHOOKS, &pressed).await;
    assert_eq!(status, StatusCode::OK);
    let elsewhere = format!("{}/elsewhere", stage.receiver.url());
    let (status, _) = stage
        .send(Method::PUT, WEBHOOKS, &put(json!(elsewhere)))
        .await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = stage.send(Method::PATCH, WEBHOOKS, &pressed).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stage.receiver.journal_of("/elsewhere").len(), 1);
    assert_eq!(stage.receiver.journal_of("/hook").len(), 1);
}

#[tokio::test]
async fn the_channel_of_a_webhook_of_discord_is_kept_since_its_webhooks_share_a_limit() {
    let stage = Stage::new().await;
    let (first, second) = (
        stage.discord.add_webhook("100"),
        stage.discord.add_webhook("200"),
    );
    let made = stage
        .made(json!({"name": "d", "webhookUrl": first.public_url}))
        .await;
    let channel = "SELECT channel_id FROM webhooks";
    assert_eq!(stage.gateway.text(channel).await, "100");
    let moved = json!({"id": id(&made), "webhookUrl": second.public_url});
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &moved).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.gateway.text(channel).await, "200");
    let renamed = json!({"id": id(&made), "name": "another"});
    stage.send(Method::PUT, WEBHOOKS, &renamed).await;
    assert_eq!(stage.gateway.text(channel).await, "200");
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
async fn a_webhook_is_made_enabled_unless_the_form_says_otherwise() {
    let stage = Stage::new().await;
    for (name, wish, enabled) in [
        ("absent", None, true),
        ("null", Some(Value::Null), true),
        ("true", Some(json!(true)), true),
        ("false", Some(json!(false)), false),
    ] {
        let mut form = json!({"name": name, "webhookUrl": format!("{}/x", stage.receiver.url())});
        if let Some(wish) = wish {
            form["enabled"] = wish;
        }
        let made = stage.made(form.clone()).await;
        assert_eq!(made["webhook"]["enabled"], enabled, "{form}");
        assert_eq!(stage.listed().await[0]["enabled"], enabled, "{form}");
        assert_eq!(stage.made(form).await, made, "the same wish once more");
    }
    let other_wish = json!({"name": "false", "webhookUrl": format!("{}/x", stage.receiver.url())});
    stage.made(other_wish).await;
    assert_eq!(stage.listed().await.len(), 5);
}

#[tokio::test]
async fn whoever_changes_a_webhook_with_a_wrong_type_learns_which_field() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    for (field, value) in [
        ("name", json!(5)),
        ("webhookUrl", json!(5)),
        ("enabled", json!("false")),
        ("events", json!("sync.*")),
        ("conditions", json!({})),
        ("keptPerSecond", json!("1")),
    ] {
        let mut form = json!({"id": id(&made)});
        form[field] = value;
        let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}: {body}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
    for body in [json!({"id": 5}), json!({"id": "no-uuid"})] {
        let (status, body) = stage.send(Method::PATCH, WEBHOOKS, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(body["error"].as_str().unwrap().contains("`id`"), "{body}");
    }
    let broken = json!({"id": id(&made), "name": "a\nb"});
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &broken).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
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

#[tokio::test]
async fn another_address_or_secret_is_told_of_as_changed_and_no_more() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let trail = async || {
        let (_, trail) = stage
            .bare(Method::GET, "/api/admin/audit?event=WEBHOOK_CHANGED")
            .await;
        let details = &trail["logs"][0]["details"];
        (details["address"].clone(), details["secret"].clone())
    };
    // On the same host, which is all that is shown of it.
    let address = format!("{}/other?key=planted-in-query", stage.receiver.url());
    let moved = json!({"id": id(&made), "webhookUrl": address});
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &moved).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(trail().await, (json!("changed"), Value::Null));
    let rotate = format!("{WEBHOOKS}/{}/rotate-secret", id(&made));
    let (status, body) = stage.bare(Method::POST, &rotate).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(trail().await, (Value::Null, json!("changed")));
    let all = stage.gateway.everything().await;
    for secret in [&made["signingSecret"], &body["signingSecret"]] {
        assert!(!all.contains(secret.as_str().unwrap()));
    }
    assert!(!all.contains("planted-in-query"));
}
