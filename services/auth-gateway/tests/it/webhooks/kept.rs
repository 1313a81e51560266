//! What comes for a webhook while it is disabled, and what becomes of it.

use common::types::id::{MessageId, WebhookId};
use common::types::webhook::WebhookKind;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{NewDelivery, NewDeliveryEvent, lane};

use super::stage::{Stage, WEBHOOKS, id};

/// A webhook that is disabled, and two events that came meanwhile.
async fn kept(stage: &Stage, name: &str) -> String {
    let url = format!("{}/{name}", stage.receiver.url());
    let webhook = id(&stage.made(json!({"name": name, "webhookUrl": url})).await);
    let off = json!({"id": webhook, "enabled": false});
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &off).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let ids = [MessageId::new(), MessageId::new()];
    let event = |id: &MessageId| NewDeliveryEvent {
        id: *id,
        event_type: "sync.failed".to_owned(),
        subject: "run".to_owned(),
        body: "{}".to_owned(),
    };
    let delivery = |id: &MessageId| NewDelivery {
        webhook: WebhookId(webhook.parse().unwrap()),
        event: *id,
        lane: lane(WebhookKind::Signed, "run"),
    };
    let (events, deliveries) = (ids.iter().map(event), ids.iter().map(delivery));
    let store = &stage.gateway.gateway.store;
    let added = store.deliveries_add(events.collect(), deliveries.collect());
    assert_eq!(added.await.unwrap(), 2);
    webhook
}

/// Enables it, and tells the states of its deliveries and the seconds between the two.
async fn enabled(stage: &Stage, webhook: &str, with: Value) -> String {
    let mut form = json!({"id": webhook, "enabled": true});
    form.as_object_mut()
        .unwrap()
        .extend(with.as_object().unwrap().clone());
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let rows = format!(
        "SELECT string_agg(state, ' ') || ' ' || \
           round(extract(epoch FROM max(due_at) - min(due_at))) \
         FROM deliveries WHERE webhook_id = '{webhook}'"
    );
    stage.gateway.text(&rows).await
}

#[tokio::test]
async fn what_was_kept_is_sent_at_once_at_a_rate_or_dropped_as_the_form_says() {
    let stage = Stage::new().await;
    for (name, with, becomes) in [
        ("a", json!({}), "pending pending 0"),
        ("b", json!({"kept": "send"}), "pending pending 0"),
        (
            "c",
            json!({"kept": "send", "keptPerSecond": 0.01}),
            "pending pending 100",
        ),
        ("d", json!({"keptPerSecond": 0.1}), "pending pending 10"),
        ("e", json!({"kept": "drop"}), "dropped dropped 0"),
    ] {
        let webhook = kept(&stage, name).await;
        assert_eq!(
            enabled(&stage, &webhook, with.clone()).await,
            becomes,
            "{with}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_done_with_what_was_kept_is_refused_and_nothing_changes() {
    let stage = Stage::new().await;
    let webhook = kept(&stage, "a").await;
    for (with, field) in [
        (json!({"kept": "lose"}), "kept"),
        (json!({"keptPerSecond": 0}), "keptPerSecond"),
        (json!({"keptPerSecond": 1e-300}), "keptPerSecond"),
        (json!({"keptPerSecond": 1001}), "keptPerSecond"),
        (json!({"kept": "drop", "keptPerSecond": 1}), "keptPerSecond"),
        (json!({"kept": "drop", "enabled": false}), "kept"),
        (json!({"keptPerSecond": 1, "enabled": null}), "kept"),
    ] {
        let mut form = json!({"id": webhook, "enabled": true});
        let fields = with.as_object().unwrap().clone();
        form.as_object_mut().unwrap().extend(fields);
        let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{with}: {body}");
        assert_eq!(body["details"]["field"], field);
    }
    assert_eq!(stage.listed().await[0]["enabled"], false);
    enabled(&stage, &webhook, json!({})).await;
    let form = json!({"id": webhook, "enabled": true, "kept": "drop"});
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "nothing is kept: {body}");
}
