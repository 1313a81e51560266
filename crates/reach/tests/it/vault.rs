use crate::stage::Stage;
use common::crypto::master::MasterKey;
use common::types::id::PanelId;
use reach::vault::{PanelKey, Vault, VaultError};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::task::JoinSet;

fn master() -> Arc<MasterKey> {
    Arc::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap())
}

#[tokio::test]
async fn the_first_secret_makes_the_only_data_key() {
    let stage = Stage::new().await;
    let master = master();
    let first = Vault::open_to_seal(&stage.store, Some(Arc::clone(&master)))
        .await
        .unwrap();
    let sealed = first
        .seal_setting("github_token", &SecretString::from("hush"))
        .unwrap();
    assert!(!sealed.contains("hush"));

    let second = Vault::open_to_seal(&stage.store, Some(master))
        .await
        .unwrap();
    let opened = second.setting("github_token", &sealed, "envelope").unwrap();
    assert_eq!(opened.expose_secret(), "hush");
    let keys = stage.store.data_keys().await.unwrap();
    assert_eq!(
        keys.iter().map(|key| key.active).collect::<Vec<_>>(),
        [true]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_seals_first_at_the_same_time_as_others_uses_the_same_key() {
    let stage = Stage::new().await;
    let master = master();
    let mut sealers = JoinSet::new();
    for _ in 0..8 {
        let (store, master) = (stage.store.clone(), Arc::clone(&master));
        sealers.spawn(async move {
            let vault = Vault::open_to_seal(&store, Some(master)).await?;
            vault.seal_setting("github_token", &SecretString::from("hush"))
        });
    }
    let sealed = sealers.join_all().await;
    let vault = Vault::open(&stage.store, Some(master)).await.unwrap();
    for sealed in sealed {
        let opened = vault.setting("github_token", &sealed.unwrap(), "envelope");
        assert_eq!(opened.unwrap().expose_secret(), "hush");
    }
    assert_eq!(stage.store.data_keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_master_key_nothing_is_sealed() {
    let stage = Stage::new().await;
    let refused = Vault::open_to_seal(&stage.store, None).await.err();
    assert!(matches!(refused, Some(VaultError::NoMasterKey)));
    assert!(stage.store.data_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn another_master_key_opens_no_vault() {
    let stage = Stage::new().await;
    Vault::open_to_seal(&stage.store, Some(master()))
        .await
        .unwrap();
    let refused = Vault::open(&stage.store, Some(master())).await.err();
    assert!(matches!(refused, Some(VaultError::Unwrap(_))));
}

#[tokio::test]
async fn a_panel_key_opens_only_in_its_own_place() {
    let stage = Stage::new().await;
    let vault = Vault::open_to_seal(&stage.store, Some(master()))
        .await
        .unwrap();
    let (panel, other) = (PanelId::new(), PanelId::new());
    let sealed = vault
        .seal_panel_key(PanelKey::Application, panel, &SecretString::from("key"))
        .unwrap();
    let opened = vault
        .panel_key(PanelKey::Application, panel, &sealed)
        .unwrap();
    assert_eq!(opened.expose_secret(), "key");
    assert!(
        vault
            .panel_key(PanelKey::Application, other, &sealed)
            .is_err()
    );
    assert!(vault.panel_key(PanelKey::Client, panel, &sealed).is_err());
}

#[tokio::test]
async fn a_word_that_names_no_format_is_refused() {
    let stage = Stage::new().await;
    let vault = Vault::open(&stage.store, None).await.unwrap();
    let refused = vault.setting("k", "v", "guess").err();
    assert!(matches!(refused, Some(VaultError::Format(_))));
    let plain = vault.setting("k", "v", "plain").unwrap();
    assert_eq!(plain.expose_secret(), "v");
}
