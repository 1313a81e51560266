//! Tokens are sealed anew while they are used.

use super::stage::Stage;
use common::crypto::keyring::DataKey;
use common::crypto::master::MasterKey;
use common::crypto::place::Place;
use common::types::caller::{Actor, Origin};
use reach::vault::Vault;
use simulators::hytale::Endpoint;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_sealed_anew_while_it_is_about_to_be_spent_is_spent_once() {
    let stage = Stage::new().await;
    stage.due_accounts(1).await;
    let account = stage.only_account().await;
    // The process has read the data keys, and waits for the account's row.
    let rotation = stage
        .transaction("SELECT 1 FROM hytale_accounts FOR UPDATE")
        .await;
    let custody = stage.custody.clone();
    let refresh = tokio::spawn(async move { custody.refresh(account, &Origin::default()).await });
    stage.somebody_waits().await;

    let master = Arc::new(MasterKey::parse(&"5a".repeat(32).into()).unwrap());
    let key = DataKey::generate().unwrap();
    let wrapped = master.wrap(&key).unwrap();
    let before = stage.text("SELECT kid FROM data_keys").await;
    let actor = Actor::Operator("cli:tester".to_owned());
    let added = stage
        .store
        .data_key_replace(key.id().as_str(), &wrapped, Some(&before), &actor)
        .await;
    assert!(added.unwrap());
    let vault = Vault::open(&stage.store, Some(master)).await.unwrap();
    let row = account.to_string();
    let place = Place::AccountRefresh.of(&row);
    let sealed = stage
        .text("SELECT refresh_token FROM hytale_accounts")
        .await;
    let anew = vault
        .seal(place, &vault.unseal(place, &sealed).unwrap())
        .unwrap();
    let replace = format!("UPDATE hytale_accounts SET refresh_token = '{anew}'; COMMIT");
    rotation.batch_execute(&replace).await.unwrap();

    refresh.await.unwrap().unwrap();
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1);
    assert_eq!(stage.hytale.families_lost(), 0);
}
