//! Game sessions whose tokens two processes renew.

use crate::stage::Stage;
use chrono::Utc;
use common::types::caller::{Origin, Principal};
use common::types::id::SessionId;
use store::{NewSession, SessionTokens};
use uuid::Uuid;

fn pair(name: &str) -> SessionTokens {
    SessionTokens {
        session_token: name.to_owned(),
        identity_token: name.to_owned(),
        expires_at: Utc::now(),
    }
}

#[tokio::test]
async fn of_two_pairs_that_came_for_one_the_first_is_kept_however_often_it_is_stored() {
    let stage = Stage::new().await;
    let (store, origin) = (&stage.store, Origin::default());
    let new = NewSession {
        id: SessionId::new(),
        account: stage.in_custody().await,
        profile: Uuid::now_v7(),
        server: None,
        principal: Principal::Service,
        idempotency_key: None,
    };
    let (id, now) = (new.id, Utc::now());
    store
        .hytale_session_begin(&new, now, &origin)
        .await
        .unwrap();
    let active = store.hytale_session_active(id, &pair("old"), &origin).await;
    assert!(active.unwrap());
    let generation = store
        .hytale_session(new.account, id)
        .await
        .unwrap()
        .generation;

    for (name, kept) in [("first", true), ("first", true), ("second", false)] {
        let stored = store
            .hytale_session_renewed(id, generation, &pair(name), &origin)
            .await;
        assert_eq!(stored.unwrap(), kept, "{name}");
    }
    let row = store.hytale_session(new.account, id).await.unwrap();
    assert_eq!(row.session_token.as_deref(), Some("first"));
    assert_eq!(row.generation, generation + 1);
}
