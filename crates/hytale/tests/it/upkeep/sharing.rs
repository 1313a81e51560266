//! Owners that change while somebody asks.

use super::stage::Stage;
use common::types::caller::{Origin, Principal};
use hytale::custody::{Caller, CustodyError};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_an_account_while_it_asks_neither_keeps_nor_gives_it() {
    let stage = Stage::new().await;
    let account = stage.login("one").await;
    let caller = Caller {
        principal: Principal::Service,
        and: None,
        all_accounts: false,
        origin: Origin::default(),
    };
    // An owner that is there shares with itself.
    stage
        .custody
        .share(&caller, account, &Principal::Service)
        .await
        .unwrap();
    let removal = stage
        .transaction("SELECT 1 FROM hytale_accounts FOR UPDATE")
        .await;
    let custody = stage.custody.clone();
    let asking = tokio::spawn(async move {
        let shared = custody.share(&caller, account, &Principal::Service).await;
        (
            shared,
            custody.unshare(&caller, account, &Principal::Service).await,
        )
    });
    stage.somebody_waits().await;
    removal
        .batch_execute("DELETE FROM hytale_account_owners; COMMIT")
        .await
        .unwrap();
    let (shared, removed) = asking.await.unwrap();
    for answer in [shared, removed] {
        assert!(
            matches!(answer, Err(CustodyError::UnknownAccount)),
            "{answer:?}"
        );
    }
    let owners = "SELECT principal FROM hytale_account_owners";
    assert!(stage.texts(owners).await.is_empty());
}
