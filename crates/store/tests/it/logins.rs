//! Device logins that several poll.

use crate::stage::Stage;
use chrono::{TimeDelta, Utc};
use common::types::hytale::HytaleEnvironment;
use common::types::id::FlowId;
use std::time::Duration;
use store::NewFlow;

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

    store.hytale_flow_wait(&late, 900, now).await.unwrap();
    assert!(claim(lease, 20).await.is_none(), "a poll is under way");
    store.hytale_flow_wait(&current, 6, now).await.unwrap();
    let next = claim(lease, 30).await.unwrap();
    assert_eq!(next.interval_seconds, 6);
}
