//! Limits that are set for somebody.

use crate::stage::Stage;
use common::crypto::api_key;
use common::types::caller::{Actor, Principal};
use common::types::limit::{Limit, Subject};
use common::types::scope::{Scope, Scopes};
use common::types::server_limits::ServerLimits;
use serde_json::Value;
use store::{ApiKeyOutcome, NewApiKey, StoreError};
use uuid::Uuid;

fn tester() -> Actor {
    Actor::Operator("cli:tester".to_owned())
}

#[tokio::test]
async fn a_limit_is_set_changed_and_unset_and_the_trail_tells() {
    let stage = Stage::new().await;
    let service = Subject::Principal(Principal::Service);
    let account = Subject::Account(Uuid::nil());
    let set = async |limit, subject, requests| {
        let by = tester();
        let row = stage.store.rate_limit_set(limit, subject, requests, &by);
        row.await.unwrap()
    };
    set(Limit::Key, &service, 9_000).await;
    set(Limit::GameSession, &account, u32::MAX).await;
    assert_eq!(set(Limit::Key, &service, 12_000).await.requests, 12_000);
    let rows = stage.store.rate_limits().await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.limit_name.as_str(), row.subject.as_str(), row.requests))
        .collect();
    let nil = Uuid::nil().to_string();
    assert_eq!(
        told,
        [
            ("game-session", nil.as_str(), i64::from(u32::MAX)),
            ("key", "service", 12_000)
        ]
    );

    let unset = async || {
        let store = &stage.store;
        store
            .rate_limit_unset(Limit::Key, &service, &tester())
            .await
    };
    assert_eq!(unset().await.unwrap().requests, 12_000);
    assert!(matches!(unset().await, Err(StoreError::NotFound(_))));

    let db = stage.database.connect().await;
    let trail: Vec<(String, Option<String>, Value)> = db
        .query(
            "SELECT event_type, subject, details FROM admin_audit ORDER BY created_at, id",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let lines: Vec<_> = trail
        .iter()
        .map(|(event, subject, details)| {
            let (before, requests) = (details["before"].as_i64(), details["requests"].as_i64());
            (event.as_str(), subject.as_deref(), before, requests)
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("RATE_LIMIT_SET", Some("service"), None, Some(9_000)),
            ("RATE_LIMIT_SET", None, None, Some(i64::from(u32::MAX))),
            ("RATE_LIMIT_SET", Some("service"), Some(9_000), Some(12_000)),
            ("RATE_LIMIT_UNSET", Some("service"), Some(12_000), None),
        ]
    );
}

#[tokio::test]
async fn a_client_is_found_by_its_name_and_by_its_id() {
    let stage = Stage::new().await;
    let key = api_key::generate().unwrap();
    let new = NewApiKey {
        client: "website".to_owned(),
        prefix: key.prefix,
        hash: key.hash,
        scopes: Scopes::NONE.with(Scope::Read),
        servers: ServerLimits::NONE,
        lifetime: None,
    };
    let made = stage.store.api_key_create(&new, &tester()).await.unwrap();
    let ApiKeyOutcome::Created(row) = made else {
        panic!("too many");
    };
    for name in ["website", &row.client_id.to_string()] {
        let found = stage.store.api_client(name).await.unwrap();
        assert_eq!(found, row.client_id);
    }
    let unknown = stage.store.api_client("nobody").await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
    let subject = Subject::Principal(Principal::Client(row.client_id));
    let by = tester();
    let set = stage.store.rate_limit_set(Limit::Key, &subject, 1, &by);
    assert_eq!(set.await.unwrap().client.as_deref(), Some("website"));
}
