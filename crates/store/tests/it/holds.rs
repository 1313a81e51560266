//! Held removals, and who may confirm them.

use crate::stage::{Stage, locations};
use common::types::event::EventType;
use common::types::id::RunId;
use common::types::sync::{Kind, Target};
use serde_json::json;
use std::collections::BTreeSet;
use store::{ConfirmOutcome, Ending, Resource};

/// A run that held the removal of a location, ended well or badly.
async fn held(stage: &Stage, failed: bool) -> RunId {
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations([1]))
        .await
        .unwrap();
    let row = stage
        .text("SELECT id::text FROM locations")
        .await
        .parse()
        .unwrap();
    stage
        .store
        .hold(&lease, Resource::Location, &[row])
        .await
        .unwrap();
    stage
        .store
        .hold(&lease, Resource::Location, &[row])
        .await
        .unwrap();
    stage
        .store
        .kind_listed(&lease, Kind::Locations, true)
        .await
        .unwrap();
    let held = Some(json!({ "locations": { "locations": { "rows": 1 } } }));
    let ending = if failed {
        Ending::Failed {
            step: "users".to_owned(),
            error: "no permission".to_owned(),
            held,
        }
    } else {
        Ending::Completed { held }
    };
    stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    lease.run_id
}

/// Runs whose holds can still be confirmed.
async fn open(stage: &Stage) -> Vec<RunId> {
    let runs = stage.store.runs_with_open_holds().await.unwrap();
    runs.iter().map(store::RunRow::run_id).collect()
}

#[tokio::test]
async fn a_confirmation_starts_one_run_of_the_held_kinds_and_records_who_asked() {
    let stage = Stage::new().await;
    let id = held(&stage, false).await;
    let mut runs = Vec::new();
    for name in ["anna", "ben"] {
        match stage.store.run_confirm(id, name, None).await.unwrap() {
            ConfirmOutcome::Started(run) => runs.push(run),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(runs[0].id, runs[1].id, "asked for twice, started once");
    assert_eq!(runs[0].kinds, ["locations"]);
    assert_eq!(runs[0].requested_by, "anna");
    assert_eq!(runs[0].confirms_run_id, Some(id.0));
    stage.store.run_start_waiting().await.unwrap();
    assert_eq!(stage.claim().await.unwrap().confirms, Some(id));
    assert_eq!(
        stage.store.held(id).await.unwrap()[&Resource::Location].len(),
        1
    );
    // A trigger is not answered by a run that only confirms.
    let new = stage.new_run(Target::One(Kind::Locations));
    assert!(stage.store.run_trigger(&new).await.unwrap().new);
}

#[tokio::test]
async fn what_a_failed_run_held_can_be_confirmed() {
    let stage = Stage::new().await;
    let id = held(&stage, true).await;
    let outcome = stage.store.run_confirm(id, "anna", None).await.unwrap();
    assert!(matches!(outcome, ConfirmOutcome::Started(_)), "{outcome:?}");
    assert_eq!(
        stage
            .number("SELECT count(*) FROM outbox WHERE key = 'sync.held'")
            .await,
        1
    );
}

#[tokio::test]
async fn however_a_run_ends_it_is_said_how_long_it_lasted_and_what_it_did() {
    let stage = Stage::new().await;
    held(&stage, true).await;
    held(&stage, false).await;
    let new = stage.new_run(Target::Full);
    let run = stage.store.run_trigger(&new).await.unwrap().run;
    stage.store.run_cancel(run.run_id()).await.unwrap();
    let said = "SELECT key, ARRAY(SELECT jsonb_object_keys(body -> 'data')) FROM outbox \
                WHERE key LIKE 'sync.%' AND route = 'event'";
    let client = stage.database.connect().await;
    let mut ends = BTreeSet::new();
    for row in client.query(said, &[]).await.unwrap() {
        let (key, fields): (String, Vec<String>) = (row.get(0), row.get(1));
        let known = EventType::named(&key).unwrap();
        let wanted: BTreeSet<&str> = known.data_fields().iter().copied().collect();
        let given = fields.iter().map(String::as_str).collect();
        assert_eq!(wanted, given, "{key}");
        if fields.iter().any(|it| it == "seconds") {
            ends.insert(key);
        }
    }
    let all = [
        "sync.cancelled",
        "sync.completed",
        "sync.failed",
        "sync.held",
    ];
    assert_eq!(ends, all.map(str::to_owned).into());
}

#[tokio::test]
async fn a_later_listing_of_the_kind_makes_a_confirmation_void() {
    let stage = Stage::new().await;
    let id = held(&stage, false).await;
    let other = stage.lease(Target::One(Kind::Users)).await;
    stage
        .store
        .kind_listed(&other, Kind::Users, true)
        .await
        .unwrap();
    let later = stage.lease(Target::One(Kind::Locations)).await;
    stage
        .store
        .kind_listed(&later, Kind::Locations, false)
        .await
        .unwrap();
    assert_eq!(open(&stage).await, [id]);
    stage
        .store
        .kind_listed(&later, Kind::Locations, true)
        .await
        .unwrap();
    let outcome = stage.store.run_confirm(id, "anna", None).await.unwrap();
    assert!(matches!(outcome, ConfirmOutcome::Superseded), "{outcome:?}");
    assert!(open(&stage).await.is_empty());
}

#[tokio::test]
async fn there_is_nothing_to_confirm_in_a_run_that_held_nothing_or_goes_on() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let confirm = async || {
        stage
            .store
            .run_confirm(lease.run_id, "anna", None)
            .await
            .unwrap()
    };
    assert!(matches!(confirm().await, ConfirmOutcome::NothingHeld));
    let ending = Ending::Completed { held: None };
    stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    assert!(matches!(confirm().await, ConfirmOutcome::NothingHeld));
    let unknown = stage
        .store
        .run_confirm(RunId::new(), "anna", None)
        .await
        .unwrap();
    assert!(matches!(unknown, ConfirmOutcome::Unknown));
}
