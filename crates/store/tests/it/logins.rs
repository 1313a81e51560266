//! Device logins that several poll, and that end at the same time.

use crate::bring;
use crate::stage::Stage;
use chrono::{TimeDelta, Utc};
use common::types::caller::Principal;
use common::types::hytale::{HytaleAccount, HytaleEnvironment};
use common::types::id::FlowId;
use std::time::Duration;
use store::{LoginOutcome, NewFlow};

#[tokio::test]
async fn a_poll_whose_claim_is_over_changes_nothing_for_the_one_under_way() {
    let stage = Stage::new().await;
    let (store, now) = (&stage.store, Utc::now());
    let flow = NewFlow {
        id: FlowId::new(),
        environment: HytaleEnvironment::Production,
        code_hash: [7; 32],
        principal: None,
        account_name: None,
        interval_seconds: 5,
        begun_at: now,
        expires_at: now + TimeDelta::minutes(10),
    };
    store.hytale_flow_begin(&flow, 1).await.unwrap();
    let claim = async |lease, seconds| {
        let at = now + TimeDelta::seconds(seconds);
        store.hytale_flow_claim(flow.id, at, lease).await.unwrap()
    };
    let late = claim(Duration::ZERO, 0).await.unwrap();
    let lease = Duration::from_secs(60);
    let current = claim(lease, 10).await.unwrap();

    store.hytale_flow_wait(&late, 900, 900, now).await.unwrap();
    assert!(claim(lease, 20).await.is_none(), "a poll is under way");
    store.hytale_flow_wait(&current, 6, 6, now).await.unwrap();
    let next = claim(lease, 30).await.unwrap();
    assert_eq!(next.interval_seconds, 6);
}

/// Two logins of which neither stores anything before both have looked, unless they take
/// turns.
async fn at_once(
    stage: &Stage,
    first: impl Future<Output = LoginOutcome>,
    second: impl Future<Output = LoginOutcome>,
) -> [LoginOutcome; 2] {
    let busy = stage.database.connect().await;
    // Rows can be looked at, also for update, and not be written.
    busy.batch_execute("BEGIN; LOCK TABLE hytale_accounts IN SHARE MODE")
        .await
        .unwrap();
    let let_go = async {
        stage.so_many_wait(2).await;
        busy.batch_execute("COMMIT").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, let_go);
    // Either may be the first.
    let mut outcomes = [first, second];
    outcomes.sort_by_key(|it| *it != LoginOutcome::Stored);
    outcomes
}

#[tokio::test]
async fn of_two_callers_whose_logins_bring_one_account_at_once_one_owns_it() {
    let stage = Stage::new().await;
    let account = bring::account();
    let anna = Principal::User("anna".to_owned());
    let outcomes = at_once(
        &stage,
        stage.bring(account, Principal::Service, None, "one"),
        stage.bring(account, anna, None, "two"),
    );
    let expected = [LoginOutcome::Stored, LoginOutcome::Owned];
    assert_eq!(outcomes.await, expected);
    let row = stage.store.hytale_account(account).await.unwrap();
    assert_eq!(row.owners.len(), 1, "{:?}", row.owners);
}

#[tokio::test]
async fn of_two_accounts_that_come_at_once_under_one_name_one_has_it() {
    let stage = Stage::new().await;
    let host = |token| stage.bring(bring::account(), Principal::Service, Some("host"), token);
    let outcomes = at_once(&stage, host("one"), host("two")).await;
    let expected = [LoginOutcome::Stored, LoginOutcome::NameTaken];
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn one_id_in_production_and_in_staging_is_two_accounts() {
    let stage = Stage::new().await;
    let id = bring::account().id;
    let worlds = [HytaleEnvironment::Production, HytaleEnvironment::Staging];
    for environment in worlds {
        let account = HytaleAccount { environment, id };
        let owner = Principal::User(environment.to_string());
        let outcome = stage.bring(account, owner, None, "token").await;
        assert_eq!(outcome, LoginOutcome::Stored);
    }
    for environment in worlds {
        let account = HytaleAccount { environment, id };
        let row = stage.store.hytale_account(account).await.unwrap();
        assert_eq!(row.owners, [format!("user:{environment}")]);
    }
}
