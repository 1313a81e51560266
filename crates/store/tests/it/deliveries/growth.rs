//! What costs the same however much there is.

use super::{add, again, claim_of, delivered, outcome, settle, take, tell, webhook};
use crate::stage::{PATIENCE, Stage};
use common::types::id::{MessageId, WorkerId};
use common::types::webhook::WebhookKind;
use std::time::Duration;
use store::{HealthNote, HeldLane, NextStep, Store};
use testkit::wait_for;

/// Deliveries that come when the first ones are over.
const MANY: i64 = 400;

#[tokio::test]
async fn turns_that_began_when_there_was_little_never_read_whole_tables_when_there_is_much() {
    let Stage {
        database, store, ..
    } = Stage::new().await;
    let client = database.connect().await;
    let webhook = webhook(&store, WebhookKind::Signed).await;
    let me = WorkerId::new();
    client.batch_execute("ANALYZE").await.unwrap();
    tell(&store, webhook, &["first"]).await;
    let mut held = take(&store, 1).await;

    let subjects: Vec<String> = (0..MANY).map(|it| it.to_string()).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    tell(&store, webhook, &subjects).await;
    while !held.is_empty() {
        let outcomes: Vec<_> = held.iter().map(delivered).collect();
        held = store
            .deliveries_turn(&outcomes, &claim_of(me, 20))
            .await
            .unwrap();
    }

    // What a connection has counted is known when it ends.
    drop(store);
    let sql = "SELECT relname::text, idx_scan, seq_tup_read FROM pg_stat_user_tables \
               WHERE relname IN ('deliveries', 'delivery_attempts', 'delivery_lanes')";
    let read = wait_for("what was read to be counted", PATIENCE, async || {
        let rows = client.query(sql, &[]).await.unwrap();
        let read: Vec<(String, i64, i64)> = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let is_counted = read.iter().all(|(_, by_index, _)| *by_index >= MANY);
        let so_far = format!("{read:?}");
        is_counted.then_some(read).ok_or(so_far)
    })
    .await;
    for (table, _, whole) in read {
        assert!(whole < MANY, "{whole} rows of {table} were read in passing");
    }
}

#[tokio::test]
async fn of_limits_that_a_delivery_meets_in_a_row_one_attempt_is_kept() {
    let stage = Stage::new().await;
    for kind in [WebhookKind::Signed, WebhookKind::Discord] {
        let webhook = webhook(&stage.store, kind).await;
        add(&stage.store, webhook, kind, &["a"], &[MessageId::new()]).await;
        let limited = async |times| {
            for _ in 0..times {
                let held = begun(&stage.store).await;
                let next = NextStep::Again {
                    wait: Duration::ZERO,
                    park: false,
                };
                let limited = outcome(&held, "limited", &next, HealthNote::Nothing);
                settle(&stage.store, &[limited]).await;
            }
        };
        let refused = async || {
            let held = begun(&stage.store).await;
            settle(&stage.store, &[again(&held, false, HealthNote::Nothing)]).await;
        };
        limited(5).await;
        refused().await;
        limited(1).await;
        refused().await;
        limited(3).await;
        let held = begun(&stage.store).await;
        let id = held.heads[0].delivery;
        settle(&stage.store, &[delivered(&held)]).await;
        let attempts = stage.store.delivery_attempts(id).await.unwrap();
        let told: Vec<_> = attempts.iter().map(|it| it.outcome.as_str()).collect();
        let expected = [
            "limited",
            "failed",
            "limited",
            "failed",
            "limited",
            "delivered",
        ];
        assert_eq!(told, expected);
    }
}

/// What is at the head of the only lane that is due, its attempt written.
async fn begun(store: &Store) -> HeldLane {
    let held = take(store, 5).await.remove(0);
    let id = held.heads[0].delivery;
    if store
        .delivery_attempts(id)
        .await
        .unwrap()
        .last()
        .is_none_or(|it| it.outcome != "sending")
    {
        store.deliveries_begin(&held).await.unwrap();
    }
    held
}

#[tokio::test]
async fn of_a_delivery_with_many_attempts_the_newest_are_shown() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let id = take(&stage.store, 1).await[0].heads[0].delivery;
    stage
        .execute(
            "INSERT INTO delivery_attempts (delivery_id, number) \
             SELECT id, n FROM deliveries, generate_series(2, 150) n",
        )
        .await;
    let attempts = stage.store.delivery_attempts(id).await.unwrap();
    let numbers: Vec<_> = attempts.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (51..=150).collect::<Vec<_>>());
}
