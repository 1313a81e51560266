//! The delivery log, and replays.

use common::types::id::{MessageId, WebhookId};
use common::types::webhook::WebhookKind;
use reqwest::{Method, StatusCode};
use serde_json::json;
use store::{NewDelivery, NewDeliveryEvent, lane};

use super::stage::{Stage, id};

const DELIVERIES: &str = "/api/admin/deliveries";

/// Tells the webhook of three events, the first of which is dead.
async fn told(stage: &Stage) -> WebhookId {
    let webhook = WebhookId(id(&stage.signed().await).parse().unwrap());
    let ids: Vec<MessageId> = (0..3).map(|_| MessageId::new()).collect();
    let event = |id: &MessageId| NewDeliveryEvent {
        id: *id,
        event_type: "sync.failed".to_owned(),
        subject: "run".to_owned(),
        body: "{}".to_owned(),
    };
    let delivery = |id: &MessageId| NewDelivery {
        webhook,
        event: *id,
        lane: lane(WebhookKind::Signed, "run"),
    };
    let store = &stage.gateway.gateway.store;
    let (events, deliveries) = (ids.iter().map(event), ids.iter().map(delivery));
    store
        .deliveries_add(events.collect(), deliveries.collect())
        .await
        .unwrap();
    let dead = "WITH oldest AS (SELECT id FROM deliveries ORDER BY seq LIMIT 1) \
                UPDATE deliveries SET state = 'dead', reason = 'refused', finished_at = now() \
                WHERE id IN (SELECT id FROM oldest) RETURNING state";
    stage.gateway.text(dead).await;
    webhook
}

#[tokio::test]
async fn deliveries_are_listed_page_by_page_and_narrowed() {
    let stage = Stage::new().await;
    let webhook = told(&stage).await;
    let get = async |query: &str| {
        stage
            .bare(Method::GET, &format!("{DELIVERIES}{query}"))
            .await
    };
    let (status, first) = get("?limit=2").await;
    assert_eq!((status, &first["count"]), (StatusCode::OK, &json!(2)));
    let next = format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    let (_, second) = get(&next).await;
    assert_eq!(second["count"], 1);
    assert_eq!(second["deliveries"][0]["state"], "dead");
    assert_eq!(get("?state=dead").await.1["count"], 1);
    assert_eq!(get(&format!("?webhook_id={webhook}")).await.1["count"], 3);
    assert_eq!(get("?event_type=sync.completed").await.1["count"], 0);
    for wrong in [
        "?state=lost",
        "?webhook_id=x",
        "?cursor=x",
        "?since=yesterday",
    ] {
        assert_eq!(get(wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let one = format!("/{}", second["deliveries"][0]["id"].as_str().unwrap());
    let (status, shown) = get(&one).await;
    assert_eq!(
        (status, &shown["delivery"]["reason"]),
        (StatusCode::OK, &json!("refused"))
    );
    assert!(shown["attempts"].as_array().unwrap().is_empty());
    assert_eq!(
        get(&format!("/{}", uuid::Uuid::new_v4())).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_replay_is_tried_dry_then_made_and_noted_and_never_of_everything() {
    let stage = Stage::new().await;
    told(&stage).await;
    let path = format!("{DELIVERIES}/replay");
    let replay = async |body| stage.send(Method::POST, &path, &body).await;
    assert_eq!(replay(json!({})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        replay(json!({"state": "dead", "per_second": 0})).await.0,
        StatusCode::BAD_REQUEST
    );
    // Misspelt, it would be made at once, and of everything.
    for body in [
        json!({"state": "dead", "dryRun": true}),
        json!({"state": "dead", "webhookId": uuid::Uuid::nil()}),
        json!({"state": "pending"}),
    ] {
        assert_eq!(replay(body).await.0, StatusCode::BAD_REQUEST);
    }
    let (_, dry) = replay(json!({"state": "dead", "dry_run": true})).await;
    assert_eq!((&dry["matched"], &dry["replayed"]), (&json!(1), &json!(0)));
    let dead = "SELECT count(*)::text FROM deliveries WHERE state = 'dead'";
    assert_eq!(stage.gateway.text(dead).await, "1");
    let (status, made) = replay(json!({"state": "dead"})).await;
    assert_eq!((status, &made["replayed"]), (StatusCode::OK, &json!(1)));
    assert_eq!(stage.gateway.text(dead).await, "0");
    let (_, trail) = stage
        .bare(Method::GET, "/api/admin/audit?event=DELIVERIES_REPLAYED")
        .await;
    assert_eq!(trail["count"], 1);
}
