//! Keys of clients, and the trail that tells of them.

use crate::stage::Stage;
use common::crypto::api_key::{self, NewKey};
use common::types::caller::{Actor, Origin, Principal};
use common::types::scope::{Scope, Scopes};
use common::types::server_limits::ServerLimits;
use std::time::Duration;
use store::{ApiKeyOutcome, ApiKeyRow, NewApiKey, StoreError};

fn tester() -> Actor {
    Actor::Operator("cli:tester".to_owned())
}

fn wish(client: &str, key: &NewKey) -> NewApiKey {
    NewApiKey {
        client: client.to_owned(),
        prefix: key.prefix.clone(),
        hash: key.hash,
        scopes: Scopes::NONE.with(Scope::Sync).with(Scope::Read),
        servers: ServerLimits::NONE,
        lifetime: None,
    }
}

async fn created(stage: &Stage, wish: &NewApiKey) -> ApiKeyRow {
    match stage.store.api_key_create(wish, &tester()).await.unwrap() {
        ApiKeyOutcome::Created(row) => *row,
        ApiKeyOutcome::TooMany => panic!("too many"),
    }
}

async fn trail(stage: &Stage) -> Vec<(String, String)> {
    let db = stage.database.connect().await;
    db.query(
        "SELECT event_type, actor FROM admin_audit ORDER BY created_at, id",
        &[],
    )
    .await
    .unwrap()
    .iter()
    .map(|row| (row.get(0), row.get(1)))
    .collect()
}

#[tokio::test]
async fn a_key_is_valid_until_it_is_revoked_or_expires() {
    let stage = Stage::new().await;
    let (lasting, brief) = (api_key::generate().unwrap(), api_key::generate().unwrap());
    let row = created(&stage, &wish("website", &lasting)).await;
    let valid = stage.store.api_key_valid(&lasting.hash).await.unwrap();
    let valid = valid.unwrap();
    assert_eq!((valid.id, valid.client), (row.id, row.client_id));
    assert_eq!(valid.scopes, Scopes::of_words(&row.scopes));

    let mut other = wish("website", &brief);
    other.lifetime = Some(Duration::ZERO);
    assert_eq!(created(&stage, &other).await.state, "expired");
    assert_eq!(stage.store.api_key_valid(&brief.hash).await.unwrap(), None);

    let revoked = stage.store.api_key_revoke(&row.prefix, &tester()).await;
    assert_eq!(revoked.unwrap().state, "revoked");
    assert_eq!(
        stage.store.api_key_valid(&lasting.hash).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_client_has_two_valid_keys_at_most_however_many_ask_at_once() {
    let stage = Stage::new().await;
    let asking = (0..6).map(|_| {
        let store = stage.store.clone();
        tokio::spawn(async move {
            let key = api_key::generate().unwrap();
            let wish = wish("website", &key);
            store.api_key_create(&wish, &tester()).await.unwrap()
        })
    });
    let mut rows = Vec::new();
    for outcome in asking.collect::<Vec<_>>() {
        if let ApiKeyOutcome::Created(row) = outcome.await.unwrap() {
            rows.push(row);
        }
    }
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].client_id, rows[1].client_id);
    let by_id = rows[0].id.to_string();
    stage.store.api_key_revoke(&by_id, &tester()).await.unwrap();
    created(&stage, &wish("website", &api_key::generate().unwrap())).await;
    created(&stage, &wish("another", &api_key::generate().unwrap())).await;
}

#[tokio::test]
async fn every_change_has_one_line_in_the_trail() {
    let stage = Stage::new().await;
    let row = created(&stage, &wish("website", &api_key::generate().unwrap())).await;
    let admin = Actor::Caller(Origin {
        principal: Some(Principal::User("admin".to_owned())),
        ip: Some("203.0.113.7".parse().unwrap()),
        ..Origin::default()
    });
    for _ in 0..2 {
        stage
            .store
            .api_key_revoke(&row.prefix, &admin)
            .await
            .unwrap();
    }
    let unknown = stage.store.api_key_revoke("nbk_00000000", &admin).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
    let told = |event: &str, actor: &str| (event.to_owned(), actor.to_owned());
    assert_eq!(
        trail(&stage).await,
        [
            told("API_CLIENT_CREATED", "cli:tester"),
            told("API_KEY_CREATED", "cli:tester"),
            told("API_KEY_REVOKED", "user:admin"),
        ]
    );
}

#[tokio::test]
async fn the_trail_is_append_only_for_everybody() {
    let stage = Stage::new().await;
    created(&stage, &wish("website", &api_key::generate().unwrap())).await;
    let db = stage.database.connect().await;
    for change in [
        "UPDATE admin_audit SET actor = 'nobody'",
        "DELETE FROM admin_audit",
        "TRUNCATE admin_audit",
        "TRUNCATE admin_audit_default",
    ] {
        let refused = db.batch_execute(change).await.unwrap_err();
        let reason = refused.as_db_error().unwrap().message();
        assert!(reason.ends_with("is append-only"), "{change}: {reason}");
    }
    assert_eq!(trail(&stage).await.len(), 2);
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute() {
    let stage = Stage::new().await;
    let key = api_key::generate().unwrap();
    let row = created(&stage, &wish("website", &key)).await;
    let valid = || async { stage.store.api_key_valid(&key.hash).await.unwrap().unwrap() };
    assert!(valid().await.use_unnoted);
    stage.store.api_key_used(row.id).await.unwrap();
    let first = stage.store.api_keys().await.unwrap()[0].last_used_at;
    assert!(first.is_some());
    assert!(!valid().await.use_unnoted);
    stage.store.api_key_used(row.id).await.unwrap();
    assert_eq!(stage.store.api_keys().await.unwrap()[0].last_used_at, first);

    let db = stage.database.connect().await;
    db.batch_execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'")
        .await
        .unwrap();
    assert!(valid().await.use_unnoted);
    stage.store.api_key_used(row.id).await.unwrap();
    assert!(stage.store.api_keys().await.unwrap()[0].last_used_at > first);
}
