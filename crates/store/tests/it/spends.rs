//! One refresh token that two processes believe to spend.

use crate::stage::Stage;
use common::types::hytale::HytaleAccount;
use common::types::id::WorkerId;
use std::time::Duration;
use store::{Spend, SpendStart};

const LEASE: Duration = Duration::from_secs(60);

async fn begin(stage: &Stage, account: HytaleAccount, lease: Duration) -> Option<Spend> {
    let generation = stage
        .store
        .hytale_account(account)
        .await
        .unwrap()
        .generation;
    let begun = stage
        .store
        .hytale_spend_begin(account, generation, WorkerId::new(), lease)
        .await;
    match begun.unwrap() {
        SpendStart::Begun(spend) => Some(spend),
        SpendStart::Wait | SpendStart::Replaced => None,
    }
}

#[tokio::test]
async fn a_spend_whose_lease_has_ended_does_not_end_the_one_under_way() {
    let stage = Stage::new().await;
    let account = stage.in_custody().await;
    let late = begin(&stage, account, Duration::ZERO).await.unwrap();
    assert!(begin(&stage, account, LEASE).await.is_none(), "its pause");
    let pause_over = "UPDATE hytale_accounts SET retry_at = now()";
    stage.execute(pause_over).await;
    let current = begin(&stage, account, LEASE).await.unwrap();
    assert_eq!(current.generation, late.generation);

    stage.store.hytale_spend_unsent(&late, None).await.unwrap();
    let lost = stage.store.hytale_spend_lost(&late, Duration::ZERO).await;
    lost.unwrap();
    assert!(begin(&stage, account, LEASE).await.is_none(), "two at once");
    let row = stage.store.hytale_account(account).await.unwrap();
    assert_eq!((row.spend.as_str(), row.losses), ("sending", 1));
}
