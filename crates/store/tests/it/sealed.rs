//! Secrets sealed anew.

use crate::stage::Stage;
use common::crypto::place::Place;
use store::{Resealed, SEALED_COLUMNS};

#[tokio::test]
async fn what_was_stored_since_a_value_was_read_is_not_replaced() {
    let stage = Stage::new().await;
    let settings = SEALED_COLUMNS
        .iter()
        .find(|it| it.place == Place::Setting)
        .unwrap();
    let store = async |value| {
        let saved = stage
            .store
            .setting_save("github_token", value, "envelope", "test");
        saved.await.unwrap();
    };
    let replace = async |before: &str| {
        let anew = Resealed {
            row: "github_token".to_owned(),
            before: before.to_owned(),
            after: "nb1:new:anew".to_owned(),
        };
        let replaced = stage.store.sealed_replace(settings, &[anew]).await;
        (
            replaced.unwrap(),
            stage.text("SELECT value FROM config").await,
        )
    };
    store("nb1:old:read").await;
    store("nb1:old:newer").await;
    let newer = "nb1:old:newer".to_owned();
    assert_eq!(replace("nb1:old:read").await, (0, newer));
    let anew = "nb1:new:anew".to_owned();
    assert_eq!(replace("nb1:old:newer").await, (1, anew));
}
