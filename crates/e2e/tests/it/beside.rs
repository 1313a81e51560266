//! Webhooks and mails are told beside syncs that hang.

use crate::listeners::{Admin, Listeners};
use crate::world::{PATIENCE, World};
use serde_json::json;
use simulators::panel::State;
use testkit::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_mails_are_told_while_syncs_hang_and_their_tasks_are_locked() {
    let mut world = World::new(State::small()).await;
    let listeners = Listeners::start(&mut world).await;
    let gateway = world.gateway().await;
    let admin = Admin::new(&world, &gateway);
    admin.webhook(&listeners.url("/told")).await;
    // No answer of the panel comes as long as this test lasts.
    world.slow_down(3600.0);
    let (_worker, _notifier) = tokio::join!(world.worker(), world.notifier());
    let run = world.trigger().await;
    world.asked(run, 1).await;
    // What a worker does next waits, and so does whatever would ask for its state.
    let busy = world.connect().await;
    let lock = "BEGIN; LOCK TABLE sync_tasks IN ACCESS EXCLUSIVE MODE";
    busy.batch_execute(lock).await.unwrap();

    let settings = json!({ "siteUrl": "https://site.example" });
    admin.make("/api/admin/settings", &settings).await;
    let data = json!({ "name": "Anna", "user_id": "user-1", "token": "a-token-of-16-letters" });
    let mail = json!({ "to": "anna@example.net", "template": "verify_email", "data": data });
    admin.make("/api/v1/email/queue", &mail).await;
    wait_for("the mail", PATIENCE, async || {
        (!listeners.resend.sent().is_empty()).then_some(())
    })
    .await;
    wait_for("both events at the webhook", PATIENCE, async || {
        let told = listeners.receiver.first_arrivals();
        let told = told.iter().map(|it| it.json()["type"].clone());
        let told: Vec<_> = told.collect();
        let is_told = |event: &str| told.iter().any(|it| it == event);
        (is_told("sync.started") && is_told("settings.changed"))
            .then_some(())
            .ok_or(format!("{told:?}"))
    })
    .await;
    busy.batch_execute("COMMIT").await.unwrap();
    let run = world.store.run(run).await.unwrap().unwrap();
    assert_eq!(run.status, "RUNNING", "{:?}", run.last_message);
}
