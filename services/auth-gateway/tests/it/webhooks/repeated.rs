//! Wishes for a webhook that come more than once.

use futures_util::future::join_all;
use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn a_wish_that_is_sent_twice_makes_one_webhook() {
    let stage = Stage::new().await;
    let (first, second) = (stage.signed().await, stage.signed().await);
    assert_eq!(first, second);
    assert_eq!(stage.listed().await.len(), 1);
}

#[tokio::test]
async fn wishes_that_come_at_once_make_one_webhook_where_they_are_the_same() {
    let stage = Stage::new().await;
    let url = format!("{}/hook", stage.receiver.url());
    let wish = |name: &str| json!({"name": name, "webhookUrl": url});
    let all = join_all((0..8).map(|place| {
        let name = if place % 2 == 0 { "even" } else { "odd" };
        stage.made(wish(name))
    }));
    let all = all.await;
    for (place, made) in all.iter().enumerate() {
        assert_eq!(*made, all[place % 2], "{place}");
    }
    assert_eq!(stage.listed().await.len(), 2);
}
