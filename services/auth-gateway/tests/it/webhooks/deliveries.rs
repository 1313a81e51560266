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
        "?stat=dead",
    ] {
        assert_eq!(get(wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (_, misspelt) = get("?stat=dead").await;
    assert!(misspelt.to_string().contains("`stat`"), "{misspelt}");
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
        json!({"webhook_id": uuid::Uuid::nil(), "state": ""}),
        json!({"state": "dead", "event_type": ""}),
        json!({"state": "dead", "subject": ""}),
        json!({"state": "dead", "since": ""}),
        json!({"state": "dead", "until": ""}),
        json!({"state": "dead", "dry_run": null}),
        json!({"state": "dead", "webhook_id": null}),
        json!({"state": "dead", "subject": null}),
    ] {
        assert_eq!(replay(body).await.0, StatusCode::BAD_REQUEST);
    }
    for query in ["dry_run=true", "webhook_id=1"] {
        let path = format!("{path}?{query}");
        let body = json!({"state": "dead"});
        let (status, answer) = stage.send(Method::POST, &path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
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

#[tokio::test]
async fn what_is_dead_is_purged_by_hand_alone_and_that_is_noted() {
    let stage = Stage::new().await;
    told(&stage).await;
    let path = format!("{DELIVERIES}/purge");
    let purge = async |body| stage.send(Method::POST, &path, &body).await;
    for body in [
        json!({}),
        json!({"state": "delivered"}),
        json!({"state": "dead", "per_second": 1}),
        json!({"state": "dead", "dryRun": true}),
        json!({"state": "dead", "limit": 0}),
    ] {
        assert_eq!(purge(body).await.0, StatusCode::BAD_REQUEST);
    }
    let count = async |table: &str| {
        let count = format!("SELECT count(*)::text FROM {table}");
        stage.gateway.text(&count).await
    };
    let all = count("deliveries").await;
    let dead = count("deliveries WHERE state = 'dead'").await;
    assert_ne!(all, dead);
    let attempts = "INSERT INTO delivery_attempts (delivery_id, number) \
                    SELECT id, 1 FROM deliveries WHERE state = 'dead' RETURNING 'added'";
    stage.gateway.text(attempts).await;
    let (_, dry) = purge(json!({"state": "dead", "dry_run": true})).await;
    assert_eq!((&dry["matched"], &dry["purged"]), (&json!(1), &json!(0)));
    // The choice narrows, and a choice without a state takes nothing that lives.
    let (_, none) = purge(json!({"subject": "nothing"})).await;
    assert_eq!(none["matched"], 0);
    assert_eq!(count("deliveries").await, all);
    let (status, made) = purge(json!({"since": "2020-01-01T00:00:00Z"})).await;
    assert_eq!((status, &made["purged"]), (StatusCode::OK, &json!(1)));
    assert_eq!(count("deliveries WHERE state = 'dead'").await, "0");
    assert_eq!(count("deliveries").await, "2");
    assert_eq!(count("delivery_attempts").await, "0");
    let (_, trail) = stage
        .bare(Method::GET, "/api/admin/audit?event=DELIVERIES_PURGED")
        .await;
    assert_eq!(trail["count"], 1);
}

/// All of them dead, each made an hour before the next, about a subject and of a type of its own.
const SPREAD: &str = "WITH dead AS (
    UPDATE deliveries SET state = 'dead', finished_at = now(),
        created_at = now() - make_interval(hours => seq::int)
    RETURNING event_id, seq
), told AS (
    UPDATE delivery_events e SET subject = 'run-' || seq, event_type = 'test.of_' || seq
    FROM dead WHERE e.id = dead.event_id RETURNING 1
), lanes AS (
    DELETE FROM delivery_lanes RETURNING 1
)
SELECT count(*)::text FROM told";

#[tokio::test]
async fn list_and_replay_are_narrowed_by_each_choice() {
    let stage = Stage::new().await;
    let webhook = told(&stage).await;
    assert_eq!(stage.gateway.text(SPREAD).await, "3");
    let url = format!("{}/other", stage.receiver.url());
    let other = stage
        .made(json!({"name": "other", "webhookUrl": url}))
        .await;
    let moved = format!(
        "UPDATE deliveries SET webhook_id = '{}' WHERE seq = (SELECT max(seq) FROM deliveries) \
         RETURNING id::text",
        id(&other)
    );
    let moved = stage.gateway.text(&moved).await;
    let of = async |what: &str| {
        let row = format!(
            "SELECT {what} FROM deliveries d JOIN delivery_events e ON e.id = d.event_id \
             ORDER BY d.seq OFFSET 1 LIMIT 1"
        );
        stage.gateway.text(&row).await
    };
    let when =
        of("to_char(d.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')").await;
    for (name, value, matched) in [
        ("webhook_id", webhook.to_string(), 2),
        ("event_id", of("d.event_id::text").await, 1),
        ("event_type", of("e.event_type").await, 1),
        ("subject", of("e.subject").await, 1),
        ("since", when.clone(), 2),
        ("until", when, 1),
        ("state", "dead".to_owned(), 3),
    ] {
        let path = format!("{DELIVERIES}?{name}={value}");
        let (status, list) = stage.bare(Method::GET, &path).await;
        assert_eq!(
            (status, &list["count"]),
            (StatusCode::OK, &json!(matched)),
            "{name}"
        );
        // Beside another choice, lest one that is passed over is refused for being none.
        let replay = json!({name: value, "state": "dead", "dry_run": true});
        let path = format!("{DELIVERIES}/replay");
        let (status, dry) = stage.send(Method::POST, &path, &replay).await;
        assert_eq!(
            (status, &dry["matched"]),
            (StatusCode::OK, &json!(matched)),
            "{name}"
        );
    }
    let one = json!({"id": moved, "state": "dead"});
    let path = format!("{DELIVERIES}/replay");
    let (_, made) = stage.send(Method::POST, &path, &one).await;
    assert_eq!(
        (&made["matched"], &made["replayed"]),
        (&json!(1), &json!(1))
    );
    let again = "SELECT string_agg(id::text, ' ') FROM deliveries WHERE state = 'pending'";
    assert_eq!(stage.gateway.text(again).await, moved);
}

#[tokio::test]
async fn a_replay_keeps_to_the_rate_and_the_number_that_are_asked_for() {
    let stage = Stage::new().await;
    told(&stage).await;
    assert_eq!(stage.gateway.text(SPREAD).await, "3");
    let slowly = json!({"state": "dead", "per_second": 0.01, "limit": 2});
    let path = format!("{DELIVERIES}/replay");
    let (status, made) = stage.send(Method::POST, &path, &slowly).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!(
        (&made["matched"], &made["replayed"]),
        (&json!(3), &json!(2))
    );
    let between = "SELECT round(extract(epoch FROM max(due_at) - min(due_at)))::text \
                   FROM deliveries WHERE state = 'pending'";
    assert_eq!(stage.gateway.text(between).await, "100");
}

#[tokio::test]
async fn an_attempt_is_shown_with_when_how_long_and_what_was_said() {
    let stage = Stage::new().await;
    told(&stage).await;
    let attempt = "INSERT INTO delivery_attempts \
                     (delivery_id, number, outcome, counted, status, answer, milliseconds) \
                   SELECT id, 1, 'failed', true, 422, 'go away', 17 FROM deliveries \
                   WHERE state = 'dead' RETURNING delivery_id::text";
    let dead = stage.gateway.text(attempt).await;
    let (_, shown) = stage
        .bare(Method::GET, &format!("{DELIVERIES}/{dead}"))
        .await;
    let attempt = &shown["attempts"][0];
    assert!(attempt["started_at"].is_string(), "{attempt}");
    for (field, value) in [
        ("number", json!(1)),
        ("outcome", json!("failed")),
        ("counted", json!(true)),
        ("status", json!(422)),
        ("answer", json!("go away")),
        ("milliseconds", json!(17)),
    ] {
        assert_eq!(attempt[field], value, "{field}");
    }
}
